import { BANS_KEY } from "@qiao/core/keys.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { startEdge, type TestEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { startReplyGate } from "./support/reply-gate.ts"
import { rule } from "./support/rule.ts"
import { asSafari, asWechat } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })

const EVIL = "https://evil.example.com/x"
const GOOD = "https://shop.example.com/spring"
const OWN = "own.example.com"

/** An emptied Redis with a publisher, and an edge whose records and changes come by the given ways. */
async function setUp(
  t: Test,
  env: NodeJS.ProcessEnv = {},
  ways: { records?: string; changes?: string } = {},
) {
  await redis.flush()
  const publisher = await startPublisher(t, redis.url)
  const edge = await startEdge(t, redis.url, env, ways)
  await edge.ready()
  return { publisher, edge }
}

const status = async (edge: TestEdge, path: string, host = HOST) =>
  (await edge.get(path, { headers: { ...asSafari.headers, host } })).status

/** How long until the edge answers so, in milliseconds. */
async function until(edge: TestEdge, path: string, wanted: number) {
  const sinceMs = performance.now()
  await waitFor(`${wanted} for ${path}`, async () => (await status(edge, path)) === wanted, {
    timeoutMs: 5_000,
  })
  return performance.now() - sinceMs
}

t.test("whatever would lead to a banned host answers 451, and is recorded as that", async (t) => {
  const { publisher, edge } = await setUp(t)
  const split = [
    { url: EVIL, weight: 1 },
    { url: EVIL, weight: 1 },
  ]
  const ios = (universalLink: string, store: string, web: string) => ({ ios: { universalLink, store }, web })
  const mini = { appId: "wx0123456789abcdef", name: "a", web: EVIL }
  const links: Record<string, Parameters<typeof publisher.link>[1]> = {
    plain: { url: EVIL },
    subdomain: { url: "https://a.b.evil.example.com/" },
    capitals: { url: "https://EVIL.Example.com:8443/?q=1#x" },
    dotted: { url: "https://evil.example.com./x" },
    forwarded: { url: EVIL, forwardPath: true },
    rule: { rules: [rule({}, { redirect: EVIL }, "the bad one")] },
    split: { rules: [rule({}, { split })] },
    fallback: { expiresAt: 1, expiredUrl: EVIL },
    guide: { url: EVIL, rules: [rule({}, { guide: true })] },
    guided: { url: EVIL, guidePlatforms: new Set(["browser"]) },
    opened: { rules: [rule({}, { app: ios(EVIL, GOOD, GOOD) })] },
    stored: { rules: [rule({}, { app: ios(GOOD, EVIL, GOOD) })] },
    web: { rules: [rule({}, { app: ios(GOOD, GOOD, EVIL) })] },
    mini: { rules: [rule({}, { miniProgram: mini })] },
    good: {},
    lookalike: { url: "https://notevil.example.com/" },
  }
  for (const [code, fields] of Object.entries(links)) await publisher.link(code, fields)
  for (const code of Object.keys(links)) t.ok((await status(edge, `/${code}`)) < 400, code)
  await publisher.bans({ hosts: ["evil.example.com"] })
  await until(edge, "/plain", 451)
  const { good: _, lookalike: __, ...bad } = links
  for (const code of Object.keys(bad)) t.equal(await status(edge, `/${code}`), 451, code)
  t.equal(await status(edge, "/forwarded/more?x=1"), 451)
  for (const code of ["good", "lookalike"]) t.equal(await status(edge, `/${code}`), 302, code)
  const [, visit] = await publisher.recorded("lnk_rule", 2)
  t.match(visit, { outcome: "banned", rule: "the bad one" })
})

t.test("a domain's own urls are held to it too, and so is what an alias serves", async (t) => {
  const { publisher, edge } = await setUp(t)
  await publisher.domain(OWN, { rootUrl: EVIL, notFoundUrl: EVIL, expiredUrl: EVIL })
  await publisher.domain("alias.example.com", { host: HOST, expiredUrl: EVIL })
  await publisher.link("over", { expiresAt: 1 })
  t.equal(await status(edge, "/", OWN), 302)
  t.equal(await status(edge, "/unknown", OWN), 302)
  t.equal(await status(edge, "/over", "alias.example.com"), 302)
  await publisher.bans({ hosts: ["example.com"] })
  await waitFor("451", async () => (await status(edge, "/", OWN)) === 451, { timeoutMs: 1_000 })
  t.equal(await status(edge, "/unknown", OWN), 451)
  t.equal(await status(edge, "/over", "alias.example.com"), 451)
  t.equal(await status(edge, "/over"), 410, "where no expiredUrl leads")
})

for (const banned of ["domains", "workspaces"] as const) {
  t.test(`of banned ${banned} everything answers 451 but our robots.txt`, async (t) => {
    const { publisher, edge } = await setUp(t)
    const files = new Map([["MP_verify_x.txt", Buffer.from("x")]])
    const texts = { robotsTxt: "Sitemap: x", assetLinks: "[]", appleAppSiteAssociation: "{}" }
    const fields = { workspaceId: "wsp_bad", rootUrl: GOOD, notFoundUrl: GOOD, files, ...texts }
    await publisher.domain(HOST, fields)
    await publisher.domain(OWN, { workspaceId: "wsp_good", rootUrl: GOOD })
    await publisher.link("known")
    await publisher.link("to-own", { url: `https://${HOST}/known` })
    await publisher.tombstone("deleted")
    t.equal(await status(edge, "/known"), 302)
    await publisher.bans({ [banned]: [banned === "domains" ? HOST : "wsp_bad"] })
    await until(edge, "/known", 451)
    for (const path of [
      "/",
      "/unknown",
      "/deleted",
      "/known/more",
      "/known+",
      "/known+report",
      "/.env",
      "/%zz",
      "/MP_verify_x.txt",
      "/.well-known/assetlinks.json",
      "/.well-known/apple-app-site-association",
    ]) {
      t.equal(await status(edge, path), 451, path)
    }
    const robots = await edge.get("/robots.txt")
    t.equal(robots.status, 200)
    t.equal(robots.body, "User-agent: *\nAllow: /\n")
    t.equal(await status(edge, "/", OWN), 302)
    await publisher.bans()
    await until(edge, "/known", 302)
    t.equal(await status(edge, "/MP_verify_x.txt"), 200)
  })
}

t.test("a banned signer of pages in WeChat is as good as none", async (t) => {
  const { publisher, edge } = await setUp(t)
  await publisher.domain(HOST, { wechatSignatureUrl: EVIL })
  const mini = { appId: "wx0123456789abcdef", name: "a", web: GOOD }
  await publisher.link("mini", { rules: [rule({}, { miniProgram: mini })] })
  const isTagged = async () => (await edge.get("/mini", asWechat)).body.includes("<wx-open-launch-weapp")
  t.equal(await isTagged(), true)
  await publisher.bans({ hosts: ["evil.example.com"] })
  await waitFor("the ban", async () => !(await isTagged()), { timeoutMs: 1_000 })
  const { status, headers, body } = await edge.get("/mini", asWechat)
  t.equal(status, 200)
  t.notMatch(body + headers["content-security-policy"], "evil.example.com")
})

t.test("a ban and its end are in force at every edge within a second of the write", async (t) => {
  const { publisher, edge } = await setUp(t)
  const other = await startEdge(t, redis.url)
  await other.ready()
  await publisher.link("now", { url: EVIL })
  let slowestMs = 0
  for (let round = 0; round < 20; round++) {
    const isBan = round % 2 === 0
    const beganMs = performance.now()
    await publisher.bans({ hosts: isBan ? ["evil.example.com"] : [] })
    await Promise.all([edge, other].map((each) => until(each, "/now", isBan ? 451 : 302)))
    slowestMs = Math.max(slowestMs, performance.now() - beganMs)
  }
  t.ok(slowestMs < 1_000, `${slowestMs} ms`)
})

t.test("a ban that was missed is in force within a second of the connection's return", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const { publisher, edge } = await setUp(
    t,
    {},
    { changes: proxy.through(redis.url), records: proxy.through(redis.url) },
  )
  await publisher.link("missed", { url: EVIL })
  t.equal(await status(edge, "/missed"), 302)
  proxy.refuse()
  proxy.cut()
  await waitFor("the loss", () => !edge.changes.isLive(performance.now()), { timeoutMs: 2_000 })
  await publisher.bans({ hosts: ["evil.example.com"] })
  t.equal(await status(edge, "/missed"), 302)
  proxy.accept()
  await waitFor("the return", () => edge.changes.isLive(performance.now()), { timeoutMs: 5_000 })
  const ms = await until(edge, "/missed", 451)
  t.ok(ms < 1_000, `${ms} ms`)
})

t.test("while changes are not heard of, bans are read again and again", async (t) => {
  const { publisher, edge } = await setUp(t, { HEARTBEAT_GAP_MS: "300" })
  await publisher.link("silent", { url: EVIL })
  publisher.silence()
  await waitFor("silence", () => !edge.changes.isLive(performance.now()), { timeoutMs: 2_000 })
  await publisher.redis.set(BANS_KEY, `1.1000.${JSON.stringify({ h: ["evil.example.com"], d: [], w: [] })}`)
  const ms = await until(edge, "/silent", 451)
  t.ok(ms < 1_000, `${ms} ms`)
})

t.test("a ban that is written while the one before it is being read is not overlooked", async (t) => {
  const gate = await startReplyGate(t, redis.port)
  const env = { REDIS_DEADLINE_MS: "5000" }
  const { publisher, edge } = await setUp(t, env, { records: gate.through(redis.url) })
  await publisher.link("second", { url: EVIL })
  t.equal(await status(edge, "/second"), 302)
  for (let round = 0; round < 5; round++) {
    gate.hold()
    await publisher.bans({ hosts: ["first.example.com"] })
    await waitFor("the answer to be held", () => gate.heldCount > 0, { timeoutMs: 2_000 })
    await publisher.bans({ hosts: round % 2 === 0 ? ["evil.example.com"] : [] })
    gate.release()
    const ms = await until(edge, "/second", round % 2 === 0 ? 451 : 302)
    t.ok(ms < 1_000, `${ms} ms`)
  }
})

t.test("an edge that starts never redirects to what is banned, not even its first visitor", async (t) => {
  const { publisher } = await setUp(t)
  await publisher.link("cold", { url: EVIL })
  await publisher.bans({ hosts: ["evil.example.com"] })
  for (let i = 0; i < 5; i++) {
    const edge = await startEdge(t, redis.url)
    const seen = new Set<number>()
    await waitFor(
      "451",
      async () => {
        const answers = await Promise.all(Array.from({ length: 5 }, () => status(edge, "/cold")))
        for (const answer of answers) seen.add(answer)
        return seen.has(451)
      },
      { timeoutMs: 5_000, intervalMs: 1 },
    )
    t.same(
      [...seen].filter((each) => each !== 503),
      [451],
    )
  }
})

t.test("before the bans were read once the edge is not ready and answers 503", async (t) => {
  await redis.flush()
  const publisher = await startPublisher(t, redis.url)
  await publisher.link("waiting")
  await publisher.redis.set(BANS_KEY, "1.1.not bans")
  const edge = await startEdge(t, redis.url)
  await waitFor("some tries", () => edge.bans.counters.failures > 10, { timeoutMs: 5_000 })
  t.notOk(edge.isReady())
  const answer = await edge.get("/waiting")
  t.equal(answer.status, 503)
  t.ok(answer.headers["retry-after"])
  await publisher.bans()
  await edge.ready()
  t.equal(await status(edge, "/waiting"), 302)
})

t.test(
  "a lower version never replaces a higher one, and an absence only those of older epochs",
  async (t) => {
    const { publisher, edge } = await setUp(t, { CACHE_TTL_MS: "20" })
    await publisher.link("versions", { url: EVIL })
    await publisher.bans({ hosts: ["evil.example.com"] }, { epoch: 3, revision: 50 })
    await until(edge, "/versions", 451)
    const readAgain = async () => {
      const { reads } = edge.bans.counters
      await waitFor("two reads", () => edge.bans.counters.reads > reads + 1, { timeoutMs: 2_000 })
    }
    await publisher.bans({}, { epoch: 3, revision: 49 })
    await readAgain()
    t.equal(await status(edge, "/versions"), 451)
    await publisher.bans({}, { epoch: 2, revision: 99 })
    await readAgain()
    t.equal(await status(edge, "/versions"), 451)
    await publisher.redis.del(BANS_KEY)
    await publisher.complete(3)
    await readAgain()
    t.equal(await status(edge, "/versions"), 451, "lost, not lifted")
    await publisher.complete(4)
    await until(edge, "/versions", 302)
  },
)

t.test("bans outlive a Redis that is away or emptied", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const way = proxy.through(redis.url)
  const { publisher, edge } = await setUp(t, {}, { records: way, changes: way })
  await publisher.link("away", { url: EVIL })
  await publisher.bans({ hosts: ["evil.example.com"] })
  await until(edge, "/away", 451)
  proxy.refuse()
  proxy.cut()
  await waitFor("failures", () => edge.bans.counters.failures > 3, { timeoutMs: 3_000 })
  t.equal(await status(edge, "/away"), 451)
  await redis.flush()
  proxy.accept()
  await waitFor("the return", () => edge.changes.isLive(performance.now()), { timeoutMs: 5_000 })
  t.equal(await status(edge, "/away"), 451)
})

t.test(
  "maxClicks: what is banned uses none up, and an exhausted link's way out is held to it too",
  async (t) => {
    const { publisher, edge } = await setUp(t)
    await publisher.bans({ hosts: ["evil.example.com"] })
    await publisher.link("capped", { url: EVIL, maxClicks: 1 })
    await publisher.link("spent", { maxClicks: 1, expiredUrl: EVIL })
    await until(edge, "/capped", 451)
    for (let i = 0; i < 3; i++) t.equal(await status(edge, "/capped"), 451)
    t.equal(await status(edge, "/spent"), 302)
    t.equal(await status(edge, "/spent"), 451)
    await publisher.bans()
    await until(edge, "/spent", 302)
    t.equal(await status(edge, "/capped"), 302, "the one is still there")
    t.equal(await status(edge, "/capped"), 410)
  },
)

t.test("what is banned can be counted", async (t) => {
  const { publisher, edge } = await setUp(t)
  await publisher.bans(
    { hosts: ["a.example", "b.example"], workspaces: ["wsp_bad"] },
    { epoch: 1, revision: 77 },
  )
  await waitFor("the set", () => edge.bans.version.revision === 77, { timeoutMs: 1_000 })
  const metrics = await edge.registry.metrics()
  t.match(metrics, 'qiao_edge_bans{banned="hosts"} 2')
  t.match(metrics, 'qiao_edge_bans{banned="workspaces"} 1')
  t.match(metrics, 'qiao_edge_ban_set_version{part="revision"} 77')
  t.match(metrics, /qiao_edge_ban_set_age_seconds 0\.\d/)
})
