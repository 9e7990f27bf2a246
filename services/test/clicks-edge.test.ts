import t from "tap"
import { NOTHING } from "./support/click-checker.ts"
import { killEdge } from "./support/click-faults.ts"
import { startLoad } from "./support/load.ts"
import { lossesTold } from "./support/losses.ts"
import { expectExact, expectOnlyRedirects, judge, moreVisits } from "./support/verdict.ts"
import { waitFor } from "./support/wait.ts"

const FLUSH_MS = 250
const DEADLINE_MS = 1_000
/** Batches that only time closes. */
const SLOW = {
  CLICK_FLUSH_MS: String(FLUSH_MS),
  CLICK_DEADLINE_MS: String(DEADLINE_MS),
  CLICK_BATCH_MAX: "1000",
}
/** Timers and writes of a busy machine; what an edge promises is without it. */
const MACHINE_MS = 500

t.test("an edge that is stopped under load fails no request and loses no click", async (t) => {
  const { random, bed, driver } = await startLoad(t, { edges: 2 })
  const [first, second] = bed.edges
  if (second === undefined) throw new Error("two edges were asked for")
  await moreVisits(driver, 100 + random.below(200))
  const stopped = first.stop()
  driver.goTo([second.url])
  t.equal(await stopped, 0)
  await moreVisits(driver, 100)
  const { vanished } = await expectExact(t, bed, driver)
  t.equal(vanished, 0, "each told that it stopped")
  expectOnlyRedirects(t, driver)
})

t.test(
  "an edge that is stopped while Redis is away leaves its clicks to the next on its folder",
  async (t) => {
    const { random, bed, driver } = await startLoad(t)
    const [edge] = bed.edges
    await moreVisits(driver, 100 + random.below(200))
    edge.toRedis.refuse()
    edge.toRedis.cut()
    await moreVisits(driver, 200)
    driver.goTo([])
    t.equal(await edge.stop(), 0)
    edge.toRedis.accept()
    await edge.start()
    driver.goTo([edge.url])
    const former = () => edge.metric("qiao_edge_former_visits_total")
    await waitFor("what the former process spilled", async () => (await former()) > 100)
    await expectExact(t, bed, driver)
    expectOnlyRedirects(t, driver)
  },
)

t.test("an edge that is killed loses no more than what it answered within a flush", async (t) => {
  const { random, bed, driver } = await startLoad(t, { edges: 2, env: SLOW })
  const losses = []
  for (let round = 0; round < 3; round++) {
    await moreVisits(driver, 50 + random.below(100))
    losses.push(await killEdge(random.pick(bed.edges), FLUSH_MS + MACHINE_MS))
  }
  await expectExact(t, bed, driver, losses)
  for (const line of await lossesTold(bed, driver, losses)) t.comment(line)
})

t.test("an edge that is killed while Redis does not answer loses a flush and a deadline", async (t) => {
  const { random, bed, driver } = await startLoad(t, { env: SLOW })
  const [edge] = bed.edges
  const losses = []
  for (let round = 0; round < 3; round++) {
    await moreVisits(driver, 100)
    edge.toRedis.pause()
    // Mostly before its deadline has told the edge.
    await moreVisits(driver, random.below(300))
    const loss = killEdge(edge, FLUSH_MS + DEADLINE_MS + MACHINE_MS)
    edge.toRedis.cut()
    edge.toRedis.resume()
    losses.push(await loss)
  }
  await expectExact(t, bed, driver, losses)
  for (const line of await lossesTold(bed, driver, losses)) t.comment(line)
})

t.test(
  "what a full spill folder has no room for is dropped and counted, and no redirect fails",
  async (t) => {
    const env = { SPILL_MAX_MB: "1", CLICK_BUFFER_MAX: "300" }
    const { bed, driver } = await startLoad(t, { env }, { perSecond: 800, paddingBytes: 600 })
    const [edge] = bed.edges
    await moreVisits(driver, 100)
    edge.toRedis.refuse()
    edge.toRedis.cut()
    const dropped = () => edge.metric('qiao_edge_visits_total{state="dropped"}')
    await waitFor("visits to be dropped", async () => (await dropped()) > 100, { timeoutMs: 30_000 })
    edge.toRedis.accept()
    const { findings, deliveries } = await judge(t, bed, driver)
    t.same({ ...findings, lost: [] }, NOTHING)
    t.equal(findings.lost.length, deliveries.dropped, "what is lost is what was counted as dropped")
    expectOnlyRedirects(t, driver)
  },
)
