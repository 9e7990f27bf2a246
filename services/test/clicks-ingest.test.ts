import t from "tap"
import { killBeforeAck, killInCopy, loseGroups, takeOver } from "./support/click-faults.ts"
import { startLoad } from "./support/load.ts"
import { watchOwners } from "./support/owners.ts"
import { expectExact, expectOnlyRedirects, moreVisits } from "./support/verdict.ts"

t.test("an ingest killed between its commit and its acknowledgement stores nothing twice", async (t) => {
  const { random, bed, driver } = await startLoad(t)
  for (let round = 0; round < 2; round++) {
    await moreVisits(driver, 50 + random.below(100))
    await killBeforeAck(bed)
  }
  const { duplicates } = await expectExact(t, bed, driver)
  t.ok(duplicates >= 2, "what was committed came again, after each kill")
  expectOnlyRedirects(t, driver)
})

t.test("an ingest killed in the middle of COPY loses nothing, and stores nothing by halves", async (t) => {
  const { random, bed, driver } = await startLoad(t)
  for (let round = 0; round < 2; round++) {
    await moreVisits(driver, 50 + random.below(100))
    await killInCopy(bed, random)
  }
  await expectExact(t, bed, driver)
  expectOnlyRedirects(t, driver)
})

t.test(
  "an ingest that is held and cut off is taken over from, and never works beside the next",
  async (t) => {
    const { random, bed, driver } = await startLoad(t, { edges: 2, ingests: 2 })
    const owners = await watchOwners(t, bed)
    for (let round = 0; round < 2; round++) {
      await moreVisits(driver, 50 + random.below(100))
      await takeOver(bed)
    }
    const { duplicates } = await expectExact(t, bed, driver)
    t.ok(duplicates >= 2, "what the one had committed came to the other again, each time")
    const { seen, trespassers } = await owners.stop()
    t.ok(seen > 0, `${seen} transactions were seen`)
    t.same(trespassers, [], "each writer owned a partition")
  },
)

t.test("lost consumer groups are made again from the start of their streams", async (t) => {
  const { random, bed, driver } = await startLoad(t)
  for (let round = 0; round < 3; round++) {
    await moreVisits(driver, 50 + random.below(100))
    await loseGroups(bed)
  }
  await expectExact(t, bed, driver)
  expectOnlyRedirects(t, driver)
})
