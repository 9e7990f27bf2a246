import { OUTCOMES, type Outcome } from "@qiao/core/decide.ts"
import { sql } from "kysely"
import t, { type Test } from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startAdmin } from "./support/admin.ts"
import { drained, expectCounts, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })
const TOKEN = "abcDEF-_123"
/** Before every visit below was sealed, and within its hour. */
const BEGUN = Date.now() - 60_000

async function setUp(t: Test) {
  await server.flush()
  const { db, databaseUrl, newLink } = await startAdmin(t, { redis: server })
  const redis = redisClient(t, server.url)
  let sequence = 0
  return {
    ...{ db, redis, stores: { databaseUrl, redisUrl: server.url } },
    link: (await newLink()).id,
    other: (await newLink()).id,
    deliver: (...visits: ReturnType<typeof visit>[]) => send(redis, seal(visits, { sequence: sequence++ })),
    tokens: () => db.selectFrom("guideTokens").selectAll().orderBy("linkId").orderBy("token").execute(),
  }
}

const at = (linkId: string, outcome: Outcome, seconds: number, more: object = {}) =>
  visit(linkId, { outcome, atMs: BEGUN + seconds * 1_000, guideToken: TOKEN, ...more })
const time = (seconds: number) => new Date(BEGUN + seconds * 1_000)

t.test("a token that was shown and comes back is counted once, however often it is seen", async (t) => {
  const { link, redis, stores, deliver, tokens, db } = await setUp(t)
  startIngest(t, stores)
  await deliver(at(link, "guide", 5), at(link, "redirect", 20), at(link, "redirect", 30))
  await deliver(at(link, "redirect", 25), at(link, "guide", 6))
  await drained(redis)
  t.same(await tokens(), [{ linkId: link, token: TOKEN, shownAt: time(5), returnedAt: time(20) }])
  await expectCounts(t, db, { visits: 5, clicks: 3 })
})

t.test("in whatever order and batches the visits come, the first times are kept", async (t) => {
  const { link, redis, stores, deliver, tokens } = await setUp(t)
  const random = seededRandom(t)
  const names = Array.from({ length: 20 }, (_, i) => `token-${String(i).padStart(5, "0")}`)
  const visits = names.flatMap((guideToken, i) => [
    ...[3, 1, 2].map((n) => at(link, "guide", i / 10 + n, { guideToken })),
    ...[9, 7, 8].map((n) => at(link, "redirect", i / 10 + n, { guideToken })),
  ])
  const shuffled = random.shuffle(visits)
  while (shuffled.length > 0) await deliver(...shuffled.splice(0, random.below(9) + 1))
  startIngest(t, stores, { batchesMax: 3 })
  await drained(redis)
  t.same(
    await tokens(),
    names.map((token, i) => ({
      linkId: link,
      token,
      shownAt: time(i / 10 + 1),
      returnedAt: time(i / 10 + 7),
    })),
  )
})

t.test("only getting to what the link promises is a return", async (t) => {
  const { link, redis, stores, deliver, tokens } = await setUp(t)
  const tokenOf = (outcome: Outcome) => outcome.padEnd(11, "-").slice(0, 11)
  await deliver(...OUTCOMES.map((outcome) => at(link, outcome, 1, { guideToken: tokenOf(outcome) })))
  startIngest(t, stores)
  await drained(redis)
  const seen = (await tokens()).map(({ token, shownAt, returnedAt }) => [token, shownAt, returnedAt])
  const returned = (["app", "fallback", "mini_program", "redirect"] as const).map((o) => [
    tokenOf(o),
    null,
    time(1),
  ])
  t.same(seen.sort(), [...returned, [tokenOf("guide"), time(1), null]].sort())
})

t.test("machines neither see a guide page nor come back from it", async (t) => {
  const { link, redis, stores, deliver, tokens } = await setUp(t)
  await deliver(at(link, "guide", 1, { automated: true }), at(link, "redirect", 2, { automated: true }))
  startIngest(t, stores)
  await drained(redis)
  t.same(await tokens(), [])
})

t.test("a token brought to another link says nothing of the link that showed it", async (t) => {
  const { link, other, redis, stores, deliver, tokens, db } = await setUp(t)
  startIngest(t, stores)
  await deliver(at(other, "redirect", 0))
  await deliver(at(link, "guide", 1))
  await deliver(at(other, "redirect", 2))
  await drained(redis)
  t.match(
    (await tokens()).find(({ linkId }) => linkId === link),
    { shownAt: time(1), returnedAt: null },
  )
  const { rows } = await sql`
    select link_id, count(*)::int as shown, count(returned_at)::int as returned
    from guide_tokens where shown_at is not null group by link_id`.execute(db)
  t.same(rows, [{ linkId: link, shown: 1, returned: 0 }])
})

t.test("what is no token is ignored, and its visit counted", async (t) => {
  const { link, redis, stores, deliver, tokens, db } = await setUp(t)
  const bad = ["", "short", "abcDEF-_1234", "abcDEF-_12é", "x".repeat(100_000), "abcDEF-_12\n"]
  await deliver(...bad.map((guideToken) => at(link, "guide", 1, { guideToken })))
  const { metrics } = startIngest(t, stores)
  await drained(redis)
  t.same(await tokens(), [])
  await expectCounts(t, db, { visits: bad.length })
  t.match(metrics, { deadLettered: 0, failures: 0 })
})

t.test("a visit is stored with its rule and variant, too long ones cut", async (t) => {
  const { link, redis, stores, deliver, db } = await setUp(t)
  const named = visit(link, { rule: "到店\t\\N", variant: "A" })
  await deliver(named, visit(link), visit(link, { rule: "r".repeat(5_000), variant: "v".repeat(5_000) }))
  startIngest(t, stores)
  await drained(redis)
  const { rows } = await sql<{ rule: string; variant: string }>`select rule, variant from visits`.execute(db)
  t.same(rows, [
    { rule: "到店\t\\N", variant: "A" },
    { rule: "", variant: "" },
    { rule: "r".repeat(100), variant: "v".repeat(100) },
  ])
})

t.test("an id that no index can hold is dead-lettered, and the rest is stored", async (t) => {
  const { link, redis, stores, deliver, db } = await setUp(t)
  const random = seededRandom(t)
  const endless = Array.from({ length: 6_000 }, () => random.below(36).toString(36)).join("")
  await deliver(visit(link))
  await deliver(at(endless, "guide", 1))
  await deliver(visit(link))
  const { metrics } = startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 2 })
  t.match(metrics, { deadLettered: 1, failures: 0 })
})
