import { ruleSetKey } from "@qiao/core/keys.ts"
import { hashPassword } from "@qiao/core/password.ts"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { rule } from "./support/rule.ts"
import { asSafari, asWechat } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const proxy = await startProxy(t, redis.port)
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url, { UNKNOWN_TTL_MS: "60000" }, { records: proxy.through(redis.url) })
await edge.ready()

const to = (place: string) => ({ redirect: `https://${place}.example.com/` })
const location = async (code: string, asked = asSafari) => {
  const { status, headers } = await edge.get(`/${code}`, asked)
  return headers.location ?? status
}
const until = (code: string, wanted: string | number) =>
  waitFor(`${wanted} of ${code}`, async () => (await location(code)) === wanted, { timeoutMs: 1_000 })

t.test("a link's own rules are tried first, then those that it shares, then its url", async (t) => {
  await publisher.ruleSet("rls_a", [
    rule({ os: ["ios"] }, to("shared")),
    rule({ platform: ["wechat"] }, to("wechat"), "in WeChat"),
  ])
  await publisher.link("both", { ruleSetId: "rls_a", rules: [rule({ language: ["zh"] }, to("own"))] })
  await publisher.link("shared", { ruleSetId: "rls_a" })
  t.equal(await location("both"), "https://shared.example.com/")
  t.equal(await location("both", asWechat), "https://own.example.com/")
  t.equal(await location("shared", asWechat), "https://wechat.example.com/")
  t.equal(
    await location("shared", { headers: { "user-agent": "curl/8.5.0" } }),
    "https://shop.example.com/spring",
  )
  t.match(await publisher.recorded("lnk_both", 2), [{ rule: "#2" }, { rule: "#1" }])
  t.match(await publisher.recorded("lnk_shared", 2), [{ rule: "in WeChat" }, { rule: "" }])
})

t.test("an edit of the rule set is seen by all of its links at once", async (t) => {
  for (const place of ["first", "second"]) {
    await publisher.ruleSet("rls_edited", [rule({}, to(place))])
    for (const code of ["one", "two"]) {
      await publisher.link(code, { ruleSetId: "rls_edited" })
      await until(code, `https://${place}.example.com/`)
    }
  }
  await publisher.ruleSet("rls_edited", [rule({}, to("third"))])
  await until("one", "https://third.example.com/")
  t.equal(await location("two"), "https://third.example.com/")
})

t.test("a rule set is read once, however many visits it decides", async (t) => {
  await publisher.ruleSet("rls_read", [rule({}, to("read"))])
  await publisher.link("read", { ruleSetId: "rls_read" })
  const { reads, hits } = edge.ruleSets.counters
  for (let i = 0; i < 20; i++) t.equal(await location("read"), "https://read.example.com/")
  t.equal(edge.ruleSets.counters.reads, reads + 1)
  t.equal(edge.ruleSets.counters.hits, hits + 19)
})

t.test("without its rule set a link is unavailable, never guessed", async (t) => {
  for (const [id, value] of [
    ["rls_missing", null],
    ["rls_junk", "junk"],
    ["rls_old", "1.1."],
  ] as const) {
    await publisher.link(id, { ruleSetId: id })
    if (value !== null) await publisher.redis.set(ruleSetKey(id), value)
    const answer = await edge.get(`/${id}`, asSafari)
    t.equal(answer.status, 503, id)
    t.ok(answer.headers["retry-after"])
    t.equal((await edge.get(`/${id}`, { ...asSafari, method: "POST" })).status, 405)
  }
  await publisher.ruleSet("rls_missing", [rule({}, to("found"))])
  await until("rls_missing", "https://found.example.com/")
  await publisher.noRuleSet("rls_missing")
  await until("rls_missing", 503)
})

t.test("what is decided before its shared rules needs no rule set", async (t) => {
  const password = { hash: await hashPassword("sesame", Buffer.alloc(16)), version: 1 }
  const links: Record<string, [Parameters<typeof publisher.link>[1], string | number]> = {
    banned: [{ banned: true }, 451],
    early: [{ startsAt: Date.now() + 3_600_000 }, 404],
    off: [{ enabled: false }, 410],
    ended: [{ expiresAt: 1 }, 410],
    after: [{ expiresAt: 1, expiredUrl: "https://own.example.com/after" }, "https://own.example.com/after"],
    elsewhere: [{ allowPlatforms: new Set(["qq"]) }, 403],
    ruled: [{ rules: [rule({}, to("ruled"))] }, "https://ruled.example.com/"],
    guiding: [{ rules: [rule({}, { guide: true })] }, 200],
    locked: [{ password }, 403],
    guided: [{ guidePlatforms: new Set(["browser"]) }, 503],
  }
  for (const [code, [fields, answer]] of Object.entries(links)) {
    await publisher.link(code, { ...fields, ruleSetId: "rls_never" })
    t.equal(await location(code), answer, code)
  }
  const authorization = `Basic ${Buffer.from(":sesame").toString("base64")}`
  t.equal(await location("locked", { headers: { ...asSafari.headers, authorization } }), 503)
})

t.test("the domain's expiredUrl is where its expired links lead that have none of their own", async (t) => {
  const host = "expiring.example.com"
  const get = (code: string) => edge.get(`/${code}`, { headers: { ...asSafari.headers, host } })
  await publisher.domain(host, { host: HOST, expiredUrl: "https://domain.example.com/over" })
  await publisher.ruleSet("rls_over", [])
  await publisher.link("over", { expiresAt: 1 })
  await publisher.link("overshared", { expiresAt: 1, ruleSetId: "rls_over" })
  await publisher.link("own", { expiresAt: 1, expiredUrl: "https://own.example.com/over" })
  await publisher.link("spent", { maxClicks: 1 })
  for (const code of ["over", "overshared"]) {
    const answer = await get(`${code}?x=1`)
    t.equal(answer.status, 302)
    t.equal(answer.headers.location, "https://domain.example.com/over")
  }
  t.equal((await get("own")).headers.location, "https://own.example.com/over")
  t.equal((await get("spent")).headers.location, "https://shop.example.com/spring")
  t.equal((await get("spent")).headers.location, "https://domain.example.com/over")
  t.equal(await location("over"), 410, "of another domain with the same link")
  await publisher.domain(host, { host: HOST, expiredUrl: "https://domain.example.com/edited" })
  const isEdited = async () => (await get("over")).headers.location === "https://domain.example.com/edited"
  await waitFor("the edit", isEdited, { timeoutMs: 1_000 })
  t.match(await publisher.recorded("lnk_over", 3), [{ outcome: "fallback" }])
})

t.test("a rule set that is known is served while Redis is away", async (t) => {
  await publisher.ruleSet("rls_stale", [rule({}, to("stale"))])
  await publisher.link("stale", { ruleSetId: "rls_stale" })
  t.equal(await location("stale"), "https://stale.example.com/")
  proxy.refuse()
  proxy.cut()
  t.equal(await location("stale"), "https://stale.example.com/")
})
