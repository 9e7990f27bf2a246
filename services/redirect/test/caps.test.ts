import { capKey } from "@qiao/core/keys.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { startEdge, type TestEdge } from "./support/edge.ts"
import { startPublisher } from "./support/publisher.ts"
import { startReplyGate } from "./support/reply-gate.ts"
import { asSafari, SAFARI } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
/** Hundreds of visitors come at once on a machine that has other work. */
const PATIENT = { REDIS_DEADLINE_MS: "10000" }
const edges = [await startEdge(t, redis.url, PATIENT), await startEdge(t, redis.url, PATIENT)] as const
for (const edge of edges) await edge.ready()

/** A visit that uses none up. */
const HEAD = { method: "HEAD", headers: { "user-agent": SAFARI } }

/** How many of so many visitors who come to both edges at the same time get each status. */
async function rush(path: string, visitors: number) {
  const visits = Array.from({ length: visitors }, (_, i) => edges[i % 2 === 0 ? 0 : 1].get(path, asSafari))
  const counts: Record<number, number> = {}
  for (const { status } of await Promise.all(visits)) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

const answers = (edge: TestEdge, path: string, status: number) =>
  waitFor(`${status} for ${path}`, async () => (await edge.get(path, HEAD)).status === status)

t.test("500 visitors at once of two edges: exactly maxClicks of them are redirected", async (t) => {
  await publisher.link("rush", { maxClicks: 137 })
  t.same(await rush("/rush", 500), { 302: 137, 410: 363 })
  t.equal(await publisher.used("rush"), "137")
})

t.test("maxClicks that are raised give the difference", async (t) => {
  await publisher.link("edited", { maxClicks: 10 })
  t.same(await rush("/edited", 30), { 302: 10, 410: 20 })
  await publisher.link("edited", { maxClicks: 14 })
  for (const edge of edges) await answers(edge, "/edited", 302)
  t.same(await rush("/edited", 30), { 302: 4, 410: 26 })
})

t.test("a connection that is cut in the middle of a reservation wastes that one at most", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const edge = await startEdge(t, redis.url, PATIENT, { records: proxy.through(redis.url) })
  await edge.ready()
  await publisher.link("cut", { maxClicks: 10 })
  await answers(edge, "/cut", 302)
  const half = proxy.cutAfter(30)
  t.equal((await edge.get("/cut", asSafari)).status, 503)
  await half
  t.equal(await publisher.used("cut"), "0", "half a command uses up none")
  for (const wasted of [1, 2, 3]) {
    await answers(edge, "/cut", 302)
    const cut = proxy.loseAnswerTo(capKey("lnk_cut"))
    t.equal((await edge.get("/cut", asSafari)).status, 503)
    await cut
    await answers(edge, "/cut", 302)
    t.equal(await publisher.used("cut"), String(wasted), "it is not sent again")
  }
  t.same(await rush("/cut", 20), { 302: 7, 410: 13 })
})

t.test("an answer that comes too late wastes that one at most", async (t) => {
  const gate = await startReplyGate(t, redis.port)
  const edge = await startEdge(t, redis.url, {}, { records: gate.through(redis.url) })
  await edge.ready()
  await publisher.link("late", { maxClicks: 5 })
  await answers(edge, "/late", 302)
  gate.hold()
  t.equal((await edge.get("/late", asSafari)).status, 503)
  gate.release()
  await answers(edge, "/late", 302)
  t.equal(await publisher.used("late"), "1")
  t.same(await rush("/late", 10), { 302: 4, 410: 6 })
})

/** One that knows a link which is open and one that is closed while nobody can say. */
async function startWithBoth(t: Test, name: string) {
  const proxy = await startProxy(t, redis.port)
  const edge = await startEdge(t, redis.url, {}, { records: proxy.through(redis.url) })
  await edge.ready()
  const [open, closed] = [`${name}-open`, `${name}-closed`]
  await publisher.link(open, { maxClicks: 2, capWhenUnavailable: "open" })
  await publisher.link(closed, { maxClicks: 2 })
  for (const code of [open, closed]) await answers(edge, `/${code}`, 302)
  return { proxy, edge, open, closed }
}

t.test("while Redis is away an open link redirects without a bound, a closed one answers 503", async (t) => {
  const { proxy, edge, open, closed } = await startWithBoth(t, "away")
  proxy.refuse()
  proxy.cut()
  await answers(edge, `/${closed}`, 503)
  const before = { ...edge.caps.counters }
  for (let i = 0; i < 5; i++) t.equal((await edge.get(`/${open}`, asSafari)).status, 302)
  const refused = await edge.get(`/${closed}`, asSafari)
  t.equal(refused.status, 503)
  t.ok(refused.headers["retry-after"])
  t.match(edge.caps.counters, { open: before.open + 5, closed: before.closed + 1 })
  t.match(await edge.registry.metrics(), /qiao_edge_caps_total\{answer="open"\} [5-9]/)
  proxy.accept()
  await answers(edge, `/${closed}`, 302)
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push((await edge.get(`/${open}`, asSafari)).status)
  t.same(statuses, [302, 302, 410], "what was given away meanwhile is not known")
  const clicks = (await publisher.recorded(`lnk_${open}`, 8)).filter(
    ({ outcome, automated }) => outcome === "redirect" && !automated,
  )
  t.equal(clicks.length, 7, "but recorded")
})

t.test(
  "a counter that Redis lost is made by no edge, and nothing is given away until it is there",
  async (t) => {
    const { edge, open, closed } = await startWithBoth(t, "lost")
    await publisher.redis.del(capKey(`lnk_${open}`), capKey(`lnk_${closed}`))
    for (const asked of [asSafari, HEAD]) {
      t.equal((await edge.get(`/${open}`, asked)).status, 302)
      t.equal((await edge.get(`/${closed}`, asked)).status, 503)
    }
    t.equal((await edge.get(`/${closed}+`, asSafari)).status, 503, "nor is it said by the preview")
    t.equal(await publisher.redis.exists(capKey(`lnk_${open}`), capKey(`lnk_${closed}`)), 0)
    t.match(edge.caps.counters, { open: 2, closed: 3, missing: 5 })
    await publisher.use("lost-closed", 1)
    t.equal((await edge.get(`/${closed}`, asSafari)).status, 302)
    t.equal((await edge.get(`/${closed}`, asSafari)).status, 410)
  },
)
