import t from "tap"
import { startLoad } from "./support/load.ts"
import { strikeAtRandom } from "./support/mixed-faults.ts"
import { expectExact, moreVisits } from "./support/verdict.ts"

t.test("two edges and two ingests lose and double nothing through faults at random", async (t) => {
  const { random, bed, driver } = await startLoad(t, { edges: 2, ingests: 2 })
  await moreVisits(driver, 50)
  // A flush, a deadline, and what a busy machine adds.
  const lossWindowMs = 250 + 1_000 + 500
  const untilMs = Date.now() + 10_000
  const { told, losses } = await strikeAtRandom(bed, { random, untilMs, outageMaxMs: 3_000, lossWindowMs })
  t.comment(told.join(", "))
  await moreVisits(driver, 50)
  await expectExact(t, bed, driver, losses)
})
