import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { rule } from "./support/rule.ts"
import { asSafari, asWechat } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url)
await edge.ready()

const NEXT = "https://shop.example.com/next"

t.test("a preview says where the link leads, goes nowhere, and is no visit", async (t) => {
  await publisher.link("looked")
  for (const path of ["/looked+", "/looked%2B", "/looked+?utm=1&_qg=AAAAAAAAAAA"]) {
    const answer = await edge.get(path, asSafari)
    t.equal(answer.status, 200, path)
    t.equal(answer.headers.location, undefined)
    t.match(answer.body, "https://<strong>shop.example.com</strong>/spring<")
    t.match(answer.body, `http://${HOST}/looked<`)
    t.match(answer.body, 'href="/looked+report"')
  }
  const head = await edge.get("/looked+", { ...asSafari, method: "HEAD" })
  t.equal(head.status, 200)
  t.equal(head.body, "")
  t.equal(edge.results.preview, 4)
  await edge.get("/looked", asSafari)
  t.equal((await publisher.recorded("lnk_looked", 1)).length, 1)
})

t.test("where a link with a password leads is not shown, in any state or way", async (t) => {
  const password = { hash: "$scrypt$…", version: 1 }
  await publisher.link("secret", {
    password,
    maxClicks: 5,
    guidePlatforms: new Set(["wechat"]),
    rules: [rule({}, { redirect: "https://rule.example.com/" })],
  })
  for (const asked of [asSafari, asWechat]) {
    const answer = await edge.get("/secret+", asked)
    t.equal(answer.status, 200)
    t.notMatch(answer.body, /shop\.example|rule\.example/)
  }
})

t.test("what a link answers to everyone its preview answers too", async (t) => {
  const password = { hash: "$scrypt$…", version: 1 }
  await publisher.domain("fallback.example.com", { host: HOST, expiredUrl: NEXT })
  const states: Record<string, [Parameters<typeof publisher.link>[1], number]> = {
    banned: [{ banned: true }, 451],
    early: [{ startsAt: Date.now() + 3_600_000 }, 404],
    off: [{ enabled: false }, 410],
    over: [{ expiresAt: 1 }, 410],
    overlocked: [{ expiresAt: 1, password }, 410],
    fine: [{ allowPlatforms: new Set(["qq"]) }, 200],
  }
  for (const [code, [fields, status]] of Object.entries(states)) {
    await publisher.link(code, fields)
    t.equal((await edge.get(`/${code}+`, asSafari)).status, status, code)
  }
  await publisher.tombstone("deleted")
  t.equal((await edge.get("/deleted+")).status, 410)
  t.equal((await edge.get("/unknown+")).status, 404)
  t.equal((await edge.get("/looked+/more")).status, 404)
  await publisher.domain("own.example.com", { notFoundUrl: NEXT })
  for (const path of ["/unknown+", "/unknown+report"]) {
    const { status } = await edge.get(path, { headers: { host: "own.example.com" } })
    t.equal(status, 404, `${path}, whatever unknown codes lead to`)
  }
  const host = "fallback.example.com"
  for (const code of ["over", "overlocked"]) {
    const answer = await edge.get(`/${code}+`, { headers: { ...asSafari.headers, host } })
    t.equal(answer.status, 200)
    t.match(answer.body, "/next", "where it leads now")
  }
})

t.test("a preview uses up no click, and sees that there is none left", async (t) => {
  await publisher.link("capped", { maxClicks: 1 })
  for (let i = 0; i < 3; i++) t.equal((await edge.get("/capped+", asSafari)).status, 200)
  t.equal((await edge.get("/capped", asSafari)).status, 302)
  t.equal((await edge.get("/capped+", asSafari)).status, 410)
  await publisher.link("capped", { maxClicks: 1, expiredUrl: NEXT })
  const seesNext = async () => (await edge.get("/capped+", asSafari)).body.includes("/next")
  await waitFor("the way out", seesNext, { timeoutMs: 1_000 })
})

t.test("that none is left is seen from every platform, and of a protected link from none", async (t) => {
  const spent: Record<string, [Parameters<typeof publisher.link>[1], number]> = {
    guided: [{ guidePlatforms: new Set(["wechat", "browser"]) }, 410],
    picky: [{ allowPlatforms: new Set(["qq"]) }, 410],
    ruled: [{ rules: [rule({}, { deny: true })] }, 410],
    kept: [{ password: { hash: "$scrypt$…", version: 1 } }, 200],
  }
  for (const [code, [fields, status]] of Object.entries(spent)) {
    await publisher.link(code, { ...fields, maxClicks: 1 })
    await publisher.use(code, 1)
    for (const asked of [asSafari, asWechat])
      t.equal((await edge.get(`/${code}+`, asked)).status, status, code)
  }
})

t.test("unknown codes count against a scanner here too", async (t) => {
  const strict = await startEdge(t, redis.url, { UNKNOWN_CODES_PER_MINUTE: "2" })
  await strict.ready()
  t.equal((await strict.get("/none1+")).status, 404)
  t.equal((await strict.get("/none2+report")).status, 404)
  t.equal((await strict.get("/none3+")).status, 429)
  t.equal((await strict.get("/looked+")).status, 200)
})

t.test("a preview vouches for nothing that is banned", async (t) => {
  await publisher.link("evil", { url: "https://evil.example.com/" })
  await publisher.link("evilover", { expiresAt: 1, expiredUrl: "https://evil.example.com/" })
  await publisher.bans({ hosts: ["evil.example.com"] })
  await waitFor("the ban", async () => (await edge.get("/evil+")).status === 451, { timeoutMs: 1_000 })
  t.equal((await edge.get("/evilover+")).status, 451)
})
