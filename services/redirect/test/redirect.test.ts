import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { type Asked, parity, startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { asSafari, SAFARI, WECHAT, ZH } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url)
await edge.ready()

const { recorded } = publisher

t.test(
  "a redirect has the record's status, its Location, no body, no cookie, and no cache keeps it",
  async (t) => {
    for (const redirectStatus of [301, 302, 307, 308] as const) {
      await publisher.link(`s${redirectStatus}`, { redirectStatus })
      const answer = await edge.get(`/s${redirectStatus}`, asSafari)
      t.equal(answer.status, redirectStatus)
      t.equal(answer.headers.location, "https://shop.example.com/spring")
      t.equal(answer.headers["cache-control"], "private, no-store")
      t.equal(answer.headers["content-length"], "0")
      t.equal(answer.headers["set-cookie"], undefined)
      t.equal(answer.body, "")
    }
  },
)

t.test("a visit is recorded with its outcome, language, referrer host and address", async (t) => {
  await publisher.link("seen")
  const headers = {
    "user-agent": SAFARI,
    "accept-language": ZH,
    referer: "https://blog.example.org/post?secret=1",
  }
  await edge.get("/seen", { headers })
  const [visit] = await recorded("lnk_seen", 1)
  t.match(visit, {
    outcome: "redirect",
    automated: false,
    referrer: "blog.example.org",
    ip: "127.0.0.1",
    visitor: { platform: "browser", os: "ios" },
  })
  t.match(visit?.language, /^zh/i)
})

t.test("each page has its status, and its visit its outcome", async (t) => {
  const past = Date.now() - 1_000
  const future = Date.now() + 3_600_000
  const cases = [
    ["banned", { banned: true }, 451, "banned"],
    ["early", { startsAt: future }, 404, "not_started"],
    ["off", { enabled: false }, 410, "disabled"],
    ["late", { expiresAt: past }, 410, "expired"],
    ["friends", { allowPlatforms: new Set(["wechat"] as const) }, 403, "denied"],
  ] as const
  for (const [code, fields, status, outcome] of cases) {
    await publisher.link(code, fields)
    const answer = await edge.get(`/${code}`, asSafari)
    t.equal(answer.status, status, code)
    t.equal(answer.headers.location, undefined)
    t.equal(answer.headers["x-robots-tag"], "noindex")
    t.match(answer.headers["content-type"], "text/html")
    t.equal((await recorded(`lnk_${code}`, 1))[0]?.outcome, outcome)
  }
})

t.test(
  "an expired link leads to its expiredUrl, always for now only, and nothing is forwarded there",
  async (t) => {
    await publisher.link("sale", {
      expiresAt: 1,
      expiredUrl: "https://shop.example.com/next",
      redirectStatus: 301,
    })
    const answer = await edge.get("/sale?utm=1", asSafari)
    t.equal(answer.status, 302)
    t.equal(answer.headers.location, "https://shop.example.com/next")
    t.equal((await recorded("lnk_sale", 1))[0]?.outcome, "fallback")
  },
)

t.test(
  "a guide platform gets the guide page in the visitor's language, everyone else the redirect",
  async (t) => {
    await publisher.link("guided", { guidePlatforms: new Set(["wechat"]) })
    const zh = await edge.get("/guided?from=qr", { headers: { "user-agent": WECHAT, "accept-language": ZH } })
    t.equal(zh.status, 200)
    t.match(zh.body, /<html lang="zh-CN">/)
    t.match(zh.body, "在浏览器打开")
    t.match(zh.body, "shop.example.com")
    t.match(zh.body, `http://${HOST}/guided?from=qr`)
    const en = await edge.get("/guided", { headers: { "user-agent": WECHAT } })
    t.match(en.body, /<html lang="en">/)
    t.equal((await edge.get("/guided", asSafari)).status, 302)
  },
)

t.test("a deleted link answers 410 and its visits are not recorded", async (t) => {
  await publisher.tombstone("deleted")
  t.equal((await edge.get("/deleted", asSafari)).status, 410)
})

t.test("HEAD has the headers of GET and no body, through every kind of answer", async (t) => {
  await publisher.link("headed")
  await publisher.link("headguide", { guidePlatforms: new Set(["wechat"]) })
  for (const path of [
    "/headed",
    "/headed?a=1",
    "/headguide",
    "/nowhere",
    "/deleted",
    "/",
    "/robots.txt",
    "/favicon.ico",
  ]) {
    for (const ua of [SAFARI, WECHAT]) {
      const get = parity(await edge.get(path, { headers: { "user-agent": ua } }))
      const head = parity(await edge.get(path, { method: "HEAD", headers: { "user-agent": ua } }))
      t.same({ ...head, body: "" }, { ...get, body: "" }, path)
      t.equal(head.body, "")
    }
  }
  const [, ...others] = await recorded("lnk_headed", 8)
  t.ok(others.some((visit) => visit.automated))
})

t.test("any other method is refused with what is allowed, whatever its body", async (t) => {
  await publisher.link("posted")
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]) {
    for (const path of ["/posted", "/robots.txt", "/%zz", "/"]) {
      const answer = await edge.get(path, { method, headers: { "content-type": "x/y" } })
      t.equal(answer.status, 405, `${method} ${path}`)
      t.equal(answer.headers.allow, "GET, HEAD")
    }
  }
})

t.test(
  "query and path are forwarded only where the link says so, and the link's own parameters win",
  async (t) => {
    await publisher.link("fq", { url: "https://shop.example.com/a?utm=own" })
    await publisher.link("nq", { forwardQuery: false })
    await publisher.link("fp", { forwardPath: true, forwardQuery: false })
    const location = async (path: string) => (await edge.get(path, asSafari)).headers.location
    t.equal(await location("/fq?utm=theirs&x=1"), "https://shop.example.com/a?utm=own&x=1")
    t.equal(await location("/nq?x=1"), "https://shop.example.com/spring")
    t.equal(await location("/fp/more/of?x=1"), "https://shop.example.com/spring/more/of")
    t.equal((await edge.get("/nq/more", asSafari)).status, 404)
    t.equal((await edge.get("/nq/", asSafari)).status, 404)
  },
)

t.test("hosts: a foreign one is misdirected, aliases, ports, case and a trailing dot are not", async (t) => {
  await publisher.link("hosted")
  await publisher.domain("alias.example.com", { host: HOST })
  const status = async (host: string) => (await edge.get("/hosted", { headers: { host } })).status
  for (const host of [HOST, `${HOST}:8080`, "S.Example.COM", `${HOST}.`, "alias.example.com"]) {
    t.equal(await status(host), 302, host)
  }
  for (const host of ["other.example.com", "x@s.example.com", "s.example.com/evil", "", "a b", "[", "%"]) {
    t.equal(await status(host), 421, host)
  }
  const forwarded = { host: "other.example.com", "x-forwarded-host": HOST }
  t.equal((await edge.get("/hosted", { headers: forwarded })).status, 421)
  await publisher.noDomain("closed.example.com")
  t.equal(await status("closed.example.com"), 421)
})

t.test(
  "a domain's own urls answer for its root and for codes it does not know, but not for system paths",
  async (t) => {
    const host = "own.example.com"
    await publisher.domain(host, { rootUrl: "https://example.com/", notFoundUrl: "https://example.com/404" })
    const get = (path: string) => edge.get(path, { headers: { host } })
    t.equal((await get("/")).headers.location, "https://example.com/")
    t.equal((await get("/?x=1")).headers.location, "https://example.com/")
    const lost = await get("/lost")
    t.equal(lost.status, 302)
    t.equal(lost.headers.location, "https://example.com/404")
    t.equal((await get("/wp-login.php")).status, 404)
    t.equal((await edge.get("/")).status, 404)
    t.equal((await edge.get("/lost")).status, 404)
  },
)

t.test(
  "codes: case counts unless the domain says otherwise, and Chinese arrives percent-encoded in any form",
  async (t) => {
    await publisher.link("Case")
    await publisher.link("春天")
    await publisher.link("é")
    const status = async (path: string) => (await edge.get(path)).status
    t.equal(await status("/Case"), 302)
    t.equal(await status("/case"), 404)
    t.equal(await status(`/${encodeURIComponent("春天")}`), 302)
    t.equal(await status(`/${encodeURIComponent("e\u0301")}`), 302)
    const host = "folded.example.com"
    await publisher.domain(host, { host: "s.example.com", caseSensitive: false })
    await publisher.link("lower")
    t.equal((await edge.get("/LOWER", { headers: { host } })).status, 302)
  },
)

t.test("the client's address comes from a header only behind a trusted proxy", async (t) => {
  const proxied = await startEdge(t, redis.url, { TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" })
  await proxied.ready()
  await publisher.link("addressed")
  await publisher.link("forged")
  const headers = { "user-agent": SAFARI, "x-forwarded-for": "203.0.113.9, 198.51.100.7, 10.1.2.3" }
  await proxied.get("/addressed", { headers })
  t.equal((await recorded("lnk_addressed", 1))[0]?.ip, "198.51.100.7")
  await proxied.get("/addressed", { headers: { ...headers, "x-forwarded-for": "<script>" } })
  t.equal((await recorded("lnk_addressed", 2)).at(-1)?.ip, "127.0.0.1")
  await edge.get("/forged", { headers })
  t.equal((await recorded("lnk_forged", 1))[0]?.ip, "127.0.0.1")
})

t.test("a scanner of unknown codes is told to wait, and known links stay open to its network", async (t) => {
  const strict = await startEdge(t, redis.url, {
    UNKNOWN_CODES_PER_MINUTE: "3",
    TRUSTED_PROXIES: "127.0.0.1",
  })
  await strict.ready()
  await publisher.link("popular")
  const from = (ip: string, path: string) => strict.get(path, { headers: { "x-forwarded-for": ip } })
  for (const i of [1, 2, 3]) t.equal((await from(`198.51.100.${i}`, `/none${i}`)).status, 404)
  const refused = await from("198.51.100.99", "/none4")
  t.equal(refused.status, 429)
  t.ok(Number(refused.headers["retry-after"]) > 0)
  t.equal((await from("198.51.100.99", "/popular")).status, 302)
  t.equal((await from("198.51.101.1", "/none5")).status, 404)
  for (const i of [1, 2, 3]) await from(`2001:db8:1:1::${i}`, `/none${i}`)
  t.equal((await from("2001:db8:1:1:ffff::9", "/none6")).status, 429)
  t.equal((await from("2001:db8:1:2::9", "/none6")).status, 404)
})

t.test("maxClicks: no more people than that are ever redirected, and nobody else uses one up", async (t) => {
  await publisher.link("capped", { maxClicks: 5 })
  const automated: Asked[] = [
    { method: "HEAD", headers: { "user-agent": SAFARI } },
    { headers: { "user-agent": SAFARI, purpose: "prefetch" } },
    { headers: { "user-agent": "curl/8.5.0" } },
  ]
  for (const asked of automated) t.equal((await edge.get("/capped", asked)).status, 302)
  const answers = await Promise.all(Array.from({ length: 40 }, () => edge.get("/capped", asSafari)))
  t.equal(answers.filter(({ status }) => status === 302).length, 5)
  t.equal(answers.filter(({ status }) => status === 410).length, 35)
  t.equal((await edge.get("/capped", { headers: { "user-agent": "curl/8.5.0" } })).status, 410)
  const seen = await recorded("lnk_capped", 44)
  t.equal(seen.filter(({ outcome, automated }) => outcome === "redirect" && !automated).length, 5)
  t.equal(seen.filter(({ outcome }) => outcome === "exhausted").length, 36)
})

t.test("maxClicks: an exhausted link leads to its expiredUrl", async (t) => {
  await publisher.link("last", { maxClicks: 1, expiredUrl: "https://example.com/over" })
  t.equal((await edge.get("/last", asSafari)).headers.location, "https://shop.example.com/spring")
  t.equal((await edge.get("/last", asSafari)).headers.location, "https://example.com/over")
})

t.test("robots may fetch, and there is no icon", async (t) => {
  const robots = await edge.get("/robots.txt")
  t.equal(robots.status, 200)
  t.match(robots.body, "Allow: /")
  t.equal((await edge.get("/favicon.ico")).status, 204)
})

t.test("every answer is counted, and the visits add up", async (t) => {
  const metrics = await edge.registry.metrics()
  t.match(metrics, /qiao_edge_requests_total\{result="redirect"\} [1-9]/)
  t.match(metrics, /qiao_edge_requests_total\{result="failed"\} 0/)
  t.match(metrics, /qiao_edge_records_total\{records="links",event="hits"\} [1-9]/)
  const { accepted, sent, waiting, dropped } = edge.clicks.counters
  t.equal(accepted, sent + waiting + dropped)
})
