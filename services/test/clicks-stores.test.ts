import t from "tap"
import {
  cutInSending,
  endSessions,
  losePostgres,
  loseRedis,
  pauseRedis,
  sendTwice,
} from "./support/click-faults.ts"
import { startLoad } from "./support/load.ts"
import { backlog } from "./support/testbed.ts"
import { expectExact, expectOnlyRedirects, moreVisits } from "./support/verdict.ts"

t.test("an XADD that is cut is sent again and counts once, whether it had arrived or not", async (t) => {
  const { random, bed, driver } = await startLoad(t)
  const [edge] = bed.edges
  for (let round = 0; round < 5; round++) {
    await moreVisits(driver, 20 + random.below(50))
    await sendTwice(edge)
    await moreVisits(driver, 20 + random.below(50))
    await cutInSending(edge, random)
  }
  const { duplicates } = await expectExact(t, bed, driver)
  t.ok(duplicates >= 5, "those that had arrived came twice")
  expectOnlyRedirects(t, driver)
})

t.test("clicks survive a Redis that is restarted and one that is cut off", async (t) => {
  const { random, bed, driver } = await startLoad(t, { edges: 2 })
  if (!bed.store.isOurs) return void t.pass("skipped: the Redis was given by REDIS_URL")
  await moreVisits(driver, 50 + random.below(100))
  await bed.store.restart()
  await moreVisits(driver, 50 + random.below(100))
  await loseRedis([...bed.edges, ...bed.ingests], 1_500)
  await moreVisits(driver, 50 + random.below(100))
  await expectExact(t, bed, driver)
  expectOnlyRedirects(t, driver)
})

t.test(
  "clicks survive a Redis that answers nobody, and what was sent to it meanwhile counts once",
  async (t) => {
    const { random, bed, driver } = await startLoad(t)
    if (!bed.store.isOurs) return void t.pass("skipped: the Redis was given by REDIS_URL")
    await moreVisits(driver, 50 + random.below(100))
    await pauseRedis(bed, 8_000)
    await moreVisits(driver, 50 + random.below(100))
    await expectExact(t, bed, driver)
    expectOnlyRedirects(t, driver)
  },
)

t.test("while Postgres is away the streams stay bounded, the edge spills, and nothing is lost", async (t) => {
  const streamMax = 15
  const { random, bed, driver } = await startLoad(t, { env: { CLICK_STREAM_MAX: String(streamMax) } })
  await moreVisits(driver, 50 + random.below(100))
  await endSessions(bed)
  await moreVisits(driver, 50 + random.below(100))
  const away = losePostgres(bed, 8_000)
  await moreVisits(driver, 1_000)
  const waiting = await backlog(bed.redis)
  t.ok(waiting > 0 && waiting <= streamMax + 1, `${waiting} batches wait in Redis`)
  t.ok((await bed.edges[0].metric("qiao_edge_visits_spilled")) > 0, "others are spilled")
  await away
  await expectExact(t, bed, driver)
  expectOnlyRedirects(t, driver)
})
