import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { askRaw, startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { rule } from "./support/rule.ts"
import { asSafari, asWechat, SAFARI, WECHAT } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url, { TRUSTED_PROXIES: "127.0.0.1" })
await edge.ready()

const TOKEN = "abcdefgh-_1"
const tokenIn = (body: string) => /data-token="([^"]*)"/.exec(body)?.[1]

t.test("each guide page has a token of its own, which is recorded with the visit", async (t) => {
  await publisher.link("guided", { guidePlatforms: new Set(["wechat"]) })
  const pages = [await edge.get("/guided", asWechat), await edge.get("/guided", asWechat)]
  const tokens = pages.map(({ body }) => tokenIn(body))
  for (const token of tokens) t.match(token, /^[\w-]{11}$/)
  t.not(tokens[0], tokens[1])
  const seen = await publisher.recorded("lnk_guided", 2)
  t.same(
    seen.map(({ guideToken }) => guideToken),
    tokens,
  )
})

t.test("who comes back with a token is known by it, and where they are sent never sees it", async (t) => {
  await publisher.link("back", {
    url: "https://shop.example.com/a?own=1",
    guidePlatforms: new Set(["wechat"]),
    rules: [rule({ query: [{ name: "_qg" }] }, { deny: true })],
  })
  const location = async (query: string) => (await edge.get(`/back?${query}`, asSafari)).headers.location
  t.equal(await location(`_qg=${TOKEN}`), "https://shop.example.com/a?own=1")
  t.equal(await location(`x=1&_qg=${TOKEN}&y=2`), "https://shop.example.com/a?own=1&x=1&y=2")
  t.equal(await location(`%5Fqg=${TOKEN}`), "https://shop.example.com/a?own=1")
  t.equal(await location("_qg=short&x=1"), "https://shop.example.com/a?own=1&x=1")
  t.equal(await location(`_qg=${TOKEN}&_qg=${"0".repeat(5_000)}`), "https://shop.example.com/a?own=1")
  const again = await edge.get(`/back?x=1&_qg=${TOKEN}`, asWechat)
  t.equal(tokenIn(again.body), TOKEN, "still in the app: the same way")
  t.match(again.body, `http://${HOST}/back?x=1<`, "and the address is shown without it")
  t.not(tokenIn((await edge.get("/back?_qg=forged", asWechat)).body), "forged")
  const tokens = (await publisher.recorded("lnk_back", 7)).map(({ guideToken }) => guideToken)
  t.same(tokens.slice(0, 6), [TOKEN, TOKEN, TOKEN, "", TOKEN, TOKEN])
  t.match(tokens[6], /^[\w-]{11}$/)
})

t.test("a visit is recorded with the rule that decided and the side of its split", async (t) => {
  const split = [
    { url: "https://a.example.com/", weight: 1 },
    { url: "https://b.example.com/", weight: 1, name: "B" },
  ]
  await publisher.link("split", {
    rules: [rule({ os: ["windows"] }, { deny: true }), rule({}, { split }, "A or B")],
  })
  const get = (i: number) =>
    edge.get("/split", { headers: { "user-agent": SAFARI, "x-forwarded-for": `198.51.100.${i}` } })
  const locations = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => (await get(i)).headers.location),
  )
  const seen = await publisher.recorded("lnk_split", 20)
  t.ok(seen.every((visit) => visit.rule === "A or B"))
  const onB = seen.filter(({ variant }) => variant === "B").length
  t.equal(onB, locations.filter((location) => location === split[1]?.url).length)
  t.equal(seen.filter(({ variant }) => variant === "0").length, 20 - onB)
  t.ok(onB > 0 && onB < 20)
})

t.test("a rule may ask where the visitor is", async (t) => {
  await publisher.link("placed", {
    rules: [rule({ country: ["CN"] }, { redirect: "https://cn.example.com/" })],
  })
  const location = async (ip: string) =>
    (await edge.get("/placed", { headers: { "x-forwarded-for": ip } })).headers.location
  t.equal(await location("114.114.114.114"), "https://cn.example.com/")
  t.equal(await location("8.8.8.8"), "https://shop.example.com/spring")
  t.equal(await location("10.1.2.3"), "https://shop.example.com/spring")
})

t.test(
  "an app is opened by a tap on its page, and no address of its own scheme is ever redirected to",
  async (t) => {
    const app = {
      ios: { scheme: "myapp://item/1", store: "https://apps.example.com/1" },
      android: { scheme: "myapp://item/2", package: "com.example.app" },
      web: "https://m.example.com/",
    }
    await publisher.link("app", { rules: [rule({}, { app })], redirectStatus: 301 })
    const ios = await edge.get("/app", asSafari)
    t.equal(ios.status, 200)
    t.equal(ios.headers.location, undefined)
    t.match(ios.body, 'href="myapp://item/1"')
    t.match(ios.body, "https://apps.example.com/1")
    const android = await edge.get("/app", asWechat)
    t.equal(android.status, 200)
    t.match(android.body, 'href="myapp://item/2"')
    const desktop = await edge.get("/app", {
      headers: { "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)" },
    })
    t.equal(desktop.headers.location, "https://m.example.com/")
    t.match(await publisher.recorded("lnk_app", 3), [
      { outcome: "app" },
      { outcome: "app" },
      { outcome: "redirect" },
    ])
  },
)

t.test("a mini program's page is signed for by whom the domain names", async (t) => {
  const miniProgram = { appId: "wx0123456789abcdef", path: "pages/index/index", name: "Tea" }
  await publisher.link("mini", { rules: [rule({}, { miniProgram })] })
  await publisher.domain("signed.example.com", {
    host: HOST,
    wechatSignatureUrl: "https://sign.example.com/js",
  })
  const unsigned = await edge.get("/mini", asWechat)
  t.equal(unsigned.status, 200)
  t.notMatch(JSON.stringify(unsigned.headers) + unsigned.body, "sign.example.com")
  const signed = await edge.get("/mini", { headers: { ...asWechat.headers, host: "signed.example.com" } })
  t.match(JSON.stringify(signed.headers) + signed.body, "sign.example.com")
  t.match((await edge.get("/mini", asSafari)).body, "weixin://dl/business/")
  t.match(await publisher.recorded("lnk_mini", 3), [{ outcome: "mini_program" }])
})

t.test("every page of a domain bears its brand, and no other domain's does", async (t) => {
  const host = "branded.example.com"
  await publisher.domain(host, {
    host: HOST,
    brand: { name: "Tea & Co", guide: { en: { title: "Tea time" } } },
  })
  await publisher.tombstone("deleted")
  for (const path of ["/", "/unknown", "/deleted", "/app+", "/app+report", "/app"]) {
    t.match((await edge.get(path, { headers: { ...asSafari.headers, host } })).body, "Tea &amp; Co", path)
    t.notMatch((await edge.get(path, asSafari)).body, "Tea &amp; Co", path)
  }
  t.match((await edge.get("/guided", { headers: { "user-agent": WECHAT, host } })).body, "Tea time")
})

t.test(
  "on an edge that stops the next answer is a connection's last, and what was sent behind has no effect",
  async (t) => {
    const stopping = await startEdge(t, redis.url, { DRAIN_MS: "500" })
    await stopping.ready()
    await publisher.link("final")
    const get = `GET /final HTTP/1.1\r\nHost: ${HOST}\r\nUser-Agent: ${SAFARI}\r\n\r\n`
    const stopped = stopping.stop()
    const answers = await askRaw(stopping.port, get + get + get)
    t.equal(answers.match(/HTTP\/1\.1 302/g)?.length, 1)
    t.match(answers, /^Connection: close\r$/m)
    await stopped
    t.equal(stopping.clicks.counters.accepted, 1)
  },
)
