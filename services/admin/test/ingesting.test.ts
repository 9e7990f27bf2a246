import { OUTCOMES } from "@qiao/core/decide.ts"
import { CLICK_GROUP, clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import type { Redis } from "ioredis"
import { sql } from "kysely"
import pg from "pg"
import t, { type Test } from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startProcess } from "../../test/support/process.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import type { Db } from "../src/db/connect.ts"
import { startAdmin } from "./support/admin.ts"
import { ANDROID, drained, expectCounts, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

async function setUp(t: Test) {
  await server.flush()
  const admin = await startAdmin(t, { redis: server })
  const redis = redisClient(t, server.url)
  const { id } = await admin.newLink()
  return {
    admin,
    db: admin.db,
    redis,
    link: id,
    stores: { databaseUrl: admin.databaseUrl, redisUrl: server.url },
  }
}

async function deadLetters(redis: Redis, partition = 0) {
  const entries = await redis.xrange(deadLetterKey(partition), "-", "+")
  return entries.map(([, fields]) => ({ sealed: fields[1], reason: fields[3] ?? "" }))
}

async function instance(db: Db, name = "edge-1") {
  return db.selectFrom("edgeInstances").selectAll().where("instance", "=", name).executeTakeFirst()
}

t.test("a batch is stored once, though it is delivered twice in one read and again in another", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const batches = [1, 2, 3].map((sequence) => seal([visit(link), visit(link)], { sequence }))
  for (const batch of [...batches, ...batches]) await send(redis, batch)
  const ingest = startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 6, clicks: 6 })
  for (const batch of batches) await send(redis, batch)
  await drained(redis)
  await expectCounts(t, db, { visits: 6, clicks: 6 })
  t.match(ingest.metrics, { visits: 6, batches: 9, duplicateBatches: 6, failures: 0 })
  t.match(await instance(db), { stored: 6, duplicateBatches: 6, expired: 0, deadLettered: 0 })
})

t.test("an instance is there from its first batch to its last, in whatever order they come", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const startedAtMs = Date.now() - 60_000
  startIngest(t, stores)
  for (const sequence of [2, 1, 3]) {
    await send(redis, seal([visit(link)], { sequence, sealedAtMs: startedAtMs + sequence * 1_000 }))
    await drained(redis)
  }
  const [firstAt, lastAt] = [1_000, 3_000].map((ms) => new Date(startedAtMs + ms))
  t.match(await instance(db), { firstAt, lastAt })
})

t.test(
  "batches that differ in instance, sequence or time of sealing alone are different batches",
  async (t) => {
    const { db, redis, link, stores } = await setUp(t)
    const sealedAtMs = Date.now()
    const headers = [
      { instance: "a", sequence: 1, sealedAtMs },
      { instance: "a", sequence: 2, sealedAtMs },
      { instance: "b", sequence: 1, sealedAtMs },
      { instance: "a", sequence: 1, sealedAtMs: sealedAtMs - 1 },
    ]
    for (const header of headers) await send(redis, seal([visit(link)], header))
    startIngest(t, stores)
    await drained(redis)
    await expectCounts(t, db, { visits: 4 })
  },
)

t.test("raw visits, totals and rollups agree, whatever comes in, twice and in any order", async (t) => {
  const { admin, db, redis, stores } = await setUp(t)
  const random = seededRandom(t)
  const links = [(await admin.newLink()).id, (await admin.newLink()).id, "lnk_unknown"] as const
  const expected = new Map<string, { visits: number; automated: number; clicks: number }>()
  const batches = Array.from({ length: 120 }, (_, sequence) => {
    const visits = Array.from({ length: random.below(20) + 1 }, () => {
      const [linkId, outcome] = [random.pick(links), random.pick(OUTCOMES)]
      const automated = random.below(4) === 0
      const counts = expected.get(linkId) ?? { visits: 0, automated: 0, clicks: 0 }
      expected.set(linkId, counts)
      counts.visits++
      if (automated) counts.automated++
      if (!automated && outcome === "redirect") counts.clicks++
      const id = `v${random.below(9)}`
      const visitor = { ...ANDROID, automated, platform: random.pick(PLATFORMS), id }
      return visit(linkId, { outcome, automated, visitor, atMs: Date.now() - random.below(HOUR_MS) })
    })
    return seal(visits, { instance: `edge-${sequence % 3}`, sequence })
  })
  for (const batch of random.shuffle([...batches, ...batches.slice(0, 40)]))
    await send(redis, batch, random.below(2))
  startIngest(t, stores, { partitions: [0, 1], batchesMax: 7 })
  startIngest(t, stores, { partitions: [0, 1], batchesMax: 7 })
  await drained(redis, [0, 1])
  for (const [linkId, counts] of expected) await expectCounts(t, db, counts, linkId)
  const known = [expected.get(links[0]), expected.get(links[1])]
  const { rows } = await sql<{ visits: number }>`select sum(visits)::int as visits from visit_quarters
    where scope_id = ${admin.workspaceId} and family = 'client'`.execute(db)
  t.equal(
    rows[0]?.visits,
    (known[0]?.visits ?? 0) + (known[1]?.visits ?? 0),
    "the workspace has its links' visits",
  )
})

t.test("an ingest that stores and cannot acknowledge any more doubles nothing", async (t) => {
  const { admin, db, redis, link, stores } = await setUp(t)
  const proxy = await startProxy(t, server.port)
  const blocker = new pg.Client(admin.databaseUrl)
  await blocker.connect()
  t.teardown(() => blocker.end())
  await blocker.query("begin")
  await blocker.query("lock table link_totals in exclusive mode")
  for (let sequence = 0; sequence < 10; sequence++) await send(redis, seal([visit(link)], { sequence }))
  const { metrics } = startIngest(t, { ...stores, redisUrl: proxy.through(server.url) })
  const waiting =
    "select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())"
  await waitFor("the ingest to be in its transaction", async () => (await blocker.query(waiting)).rowCount)
  proxy.pause()
  await blocker.query("commit")
  await waitFor("its commit", async () => (await sql`select 1 from visits`.execute(db)).rows.length === 10)
  t.equal(await redis.xlen(clickStreamKey(0)), 10, "nothing is acknowledged")
  proxy.cut()
  proxy.resume()
  await drained(redis)
  await expectCounts(t, db, { visits: 10 })
  t.match(metrics, { duplicateBatches: 10, deadLettered: 0 })
})

t.test("an ingest that is killed again and again loses and doubles nothing", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const env = {
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
    CLICK_PARTITIONS: "2",
    INGEST_BATCHES_MAX: "3",
  }
  let sequence = 0
  const sendSome = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const visits = Array.from({ length: 10 }, () => visit(link))
      await send(redis, seal(visits, { sequence: sequence++ }), i % 2)
    }
  }
  const stored = async () =>
    Number((await sql<{ n: number }>`select count(*) as n from visits`.execute(db)).rows[0]?.n)
  for (let round = 1; round <= 2; round++) {
    const ingest = await startProcess(t, "ingest", env)
    await sendSome(50)
    const before = await stored()
    await waitFor("some to be stored", async () => (await stored()) > before, { intervalMs: 2 })
    await ingest.kill9()
  }
  const last = await startProcess(t, "ingest", env)
  await drained(redis, [0, 1])
  t.equal(await last.stop(), 0)
  await expectCounts(t, db, { visits: 1_000, clicks: 1_000 })
})

t.test("what is no batch goes to the dead letters with its reason, and the rest is stored", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const good = (sequence: number) => seal([visit(link)], { sequence })
  const [whole, ...bad] = [
    good(0),
    "",
    "{",
    "null",
    "[]",
    '{"v":2}',
    good(9).replace('"visits":[', '"visits":[0,'),
  ]
  await send(redis, whole ?? "")
  for (const sealed of bad) await send(redis, sealed)
  await redis.xadd(clickStreamKey(0), "*", "other", "field")
  await send(redis, good(1))
  const { metrics } = startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 2 })
  const letters = await deadLetters(redis)
  t.same(
    letters.slice(0, bad.length).map(({ sealed }) => sealed),
    bad,
    "kept byte for byte",
  )
  t.equal(letters.length, bad.length + 1)
  t.ok(letters.every(({ reason }) => reason.length > 5))
  t.match(metrics, { deadLettered: letters.length, failures: 0 })
})

t.test("a batch that Postgres can never take is taken out of its read, and the rest is stored", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const nul = "a\u0000b"
  const poison = [
    seal([visit(link), visit(link, { referrer: nul })], { sequence: 100 }),
    seal([visit(nul)], { sequence: 101 }),
    seal([visit(link)], { sequence: 102, instance: nul }),
  ]
  for (let sequence = 0; sequence < 20; sequence++) {
    await send(redis, seal([visit(link, { referrer: "tab\tback\\slash\nline" })], { sequence }))
    const bad = poison[sequence / 4]
    if (bad !== undefined) await send(redis, bad)
  }
  const { metrics } = startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 20 })
  const { rows } = await sql<{ referrer: string }>`select distinct referrer from visits`.execute(db)
  t.same(rows, [{ referrer: "tab\tback\\slash\nline" }], "strange but storable text comes out as it went in")
  const counted = await sql<{ value: string }>`
    select distinct value from visit_quarters where family = 'referrer'`.execute(db)
  t.same(counted.rows, [{ value: "tab back\\slash line" }], "and is counted as one value")
  const letters = await deadLetters(redis)
  t.same(letters.map(({ sealed }) => sealed).sort(), poison.sort())
  t.match(metrics, { deadLettered: 3, failures: 0, visits: 20 })
  t.match(await instance(db), { stored: 20, deadLettered: 3 }, "all but the one whose instance has no name")
})

t.test("the clicks of an edge whose clock is far ahead are stored once, and now", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  for (const [sequence, sealedAtMs] of [9e15, Date.now() + 365 * DAY_MS].entries()) {
    const batch = seal([visit(link, { atMs: sealedAtMs })], { sequence, sealedAtMs })
    await send(redis, batch)
    await send(redis, batch)
  }
  const { metrics } = startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 2 })
  t.match(metrics, { deadLettered: 0, failures: 0, duplicateBatches: 2 })
  const { rows } = await sql<{
    late: number
  }>`select count(*)::int as late from visits where at > now()`.execute(db)
  t.same(rows, [{ late: 0 }])
})

t.test("while Postgres is away nothing is dead-lettered, and after it all is stored", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const proxy = await startProxy(t, Number(new URL(stores.databaseUrl).port) || 5432)
  const { metrics } = startIngest(t, { ...stores, databaseUrl: proxy.through(stores.databaseUrl) })
  await send(redis, seal([visit(link)], { sequence: 0 }))
  await drained(redis)
  proxy.refuse()
  proxy.cut()
  for (let sequence = 1; sequence <= 30; sequence++) await send(redis, seal([visit(link)], { sequence }))
  await waitFor("it to have failed", () => metrics.failures > 0 && metrics.owned === 0)
  t.equal(await redis.xlen(clickStreamKey(0)), 30)
  proxy.accept()
  await drained(redis)
  await expectCounts(t, db, { visits: 31 })
  t.equal((await deadLetters(redis)).length, 0)
})

t.test("a transaction that Postgres ends is done again and not dead-lettered", async (t) => {
  const { admin, db, redis, link, stores } = await setUp(t)
  const blocker = new pg.Client(admin.databaseUrl)
  await blocker.connect()
  t.teardown(() => blocker.end())
  const { metrics } = startIngest(t, stores)
  for (const [sequence, end] of ["pg_cancel_backend", "pg_terminate_backend"].entries()) {
    await blocker.query("begin")
    await blocker.query("lock table link_totals in exclusive mode")
    await send(redis, seal([visit(link)], { sequence }))
    const ended = sql`select ${sql.raw(end)}(pid) from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database()`
    await waitFor("the ingest to wait, and its end", async () => (await ended.execute(db)).rows.length)
    await blocker.query("commit")
    await drained(redis)
    await expectCounts(t, db, { visits: sequence + 1 })
    t.equal(metrics.failures, sequence + 1)
  }
  t.equal((await deadLetters(redis)).length, 0)
})

t.test("a lost consumer group or stream is made anew", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const { metrics } = startIngest(t, stores)
  await waitFor("the partition to be owned", () => metrics.owned === 1)
  await redis.xgroup("DESTROY", clickStreamKey(0), CLICK_GROUP)
  for (let sequence = 0; sequence < 5; sequence++) await send(redis, seal([visit(link)], { sequence }))
  await drained(redis)
  await expectCounts(t, db, { visits: 5 })
  await redis.flushall()
  for (let sequence = 5; sequence < 9; sequence++) await send(redis, seal([visit(link)], { sequence }))
  await drained(redis)
  await expectCounts(t, db, { visits: 9 })
})

t.test("a partition has one owner at a time, and another ingest takes over when it dies", async (t) => {
  const { admin, db, redis, link, stores } = await setUp(t)
  const partitions = [0, 1, 2]
  const ingests = [startIngest(t, stores, { partitions }), startIngest(t, stores, { partitions })] as const
  const owned = () => ingests.map(({ metrics }) => metrics.owned)
  const total = () => owned().reduce((sum, count) => sum + count)
  await waitFor("every partition to be owned", () => total() === 3)
  const sendAll = async (from: number) => {
    for (let i = 0; i < 30; i++) await send(redis, seal([visit(link)], { sequence: from + i }), i % 3)
    await drained(redis, partitions)
  }
  await sendAll(0)
  const kill = sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())`
  for (let round = 1; round <= 2; round++) {
    await kill.execute(admin.db)
    await sendAll(round * 100)
    const holders = await sql`select 1 from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`.execute(db)
    t.ok(holders.rows.length <= 3 && total() <= 3, "never more owners than partitions")
  }
  await ingests[0].stop()
  await waitFor("the other to own them all", () => owned()[1] === 3)
  await sendAll(500)
  await expectCounts(t, db, { visits: 120 })
})

t.test("what a former owner was given after the handover is not left lying", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const { metrics } = startIngest(t, stores)
  await send(redis, seal([visit(link)], { sequence: 0 }))
  await drained(redis)
  // A read of the former owner that was still under way: in one step, so that the new owner cannot be quicker.
  const stream = clickStreamKey(0)
  await redis
    .multi()
    .xadd(stream, "*", "b", seal([visit(link)], { sequence: 1 }))
    .xreadgroup("GROUP", CLICK_GROUP, CLICK_GROUP, "COUNT", 10, "STREAMS", stream, ">")
    .exec()
  await drained(redis)
  await expectCounts(t, db, { visits: 2 })
  t.equal(metrics.failures, 0)
})

t.test("a batch older than the horizon is counted as expired and not stored", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const old = { sequence: 1, sealedAtMs: Date.now() - 73 * HOUR_MS }
  await send(redis, seal([visit(link), visit(link)], old))
  const late = { sequence: 2, sealedAtMs: Date.now() - 71 * HOUR_MS }
  await send(redis, seal([visit(link, { atMs: late.sealedAtMs })], late))
  const { metrics } = startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 1 })
  t.match(metrics, { expiredVisits: 2, visits: 1, deadLettered: 0 })
  t.match(await instance(db), { expired: 2, stored: 1 })
})

t.test("a longer horizon takes older batches, also on a new database", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const sealedAtMs = Date.now() - 9 * DAY_MS
  await send(redis, seal([visit(link, { atMs: sealedAtMs })], { sealedAtMs }))
  const { metrics } = startIngest(t, stores, { horizonMs: 10 * DAY_MS })
  await drained(redis)
  await expectCounts(t, db, { visits: 1 })
  t.equal(metrics.deadLettered, 0)
})

t.test("times that cannot be are brought to where they can", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const sealedAtMs = Date.now() - 10_000
  const at = (offset: number) => visit(link, { atMs: sealedAtMs + offset })
  await send(redis, seal([at(0), at(DAY_MS), at(-DAY_MS), at(-5_000)], { sequence: 1, sealedAtMs }))
  const sentAtMs = Date.now()
  for (const [i, days] of [1, 400].entries()) {
    const ahead = sentAtMs + days * DAY_MS
    const batch = seal([visit(link, { atMs: ahead })], { sequence: 2 + i, sealedAtMs: ahead })
    for (const copy of [batch, batch]) await send(redis, copy)
  }
  startIngest(t, stores)
  await drained(redis)
  const { rows } = await sql<{ at: Date }>`select at from visits order by at`.execute(db)
  const times = rows.map((row) => row.at.getTime())
  t.same(times.slice(0, 4), [sealedAtMs - HOUR_MS, sealedAtMs - 5_000, sealedAtMs, sealedAtMs])
  const isOfNow = (time: number) => time >= sentAtMs && time <= Date.now()
  t.ok(
    times.length === 6 && times.slice(4).every(isOfNow),
    "what comes from the future is of now, and comes once",
  )
  await expectCounts(t, db, { visits: 6 })
})

t.test("visits of a link that Postgres does not know are kept", async (t) => {
  const { db, redis, stores } = await setUp(t)
  await send(redis, seal([visit("lnk_lost"), visit("lnk_lost", { automated: true })]))
  startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 2, automated: 1, clicks: 1 }, "lnk_lost")
})

t.test("no address of a visitor reaches Postgres", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  await send(redis, seal([visit(link, { ip: "203.0.113.77" })]))
  startIngest(t, stores)
  await drained(redis)
  for (const table of ["visits", "quarter_rollups", "link_totals", "edge_instances", "click_batches"]) {
    const found = await sql`select 1 from ${sql.table(table)} as t where t::text like '%203.0.113%'`.execute(
      db,
    )
    t.equal(found.rows.length, 0, table)
  }
})

t.test(
  "an instance's accepted visits are stored, dead-lettered, expired, spilled or dropped, to the last one",
  async (t) => {
    const { db, redis, link, stores } = await setUp(t)
    const batch = (sequence: number, accepted: number, more: object = {}, referrer = "") =>
      seal([visit(link, { referrer }), visit(link)], {
        sequence,
        counters: { accepted, spilled: 0, dropped: 3 },
        ...more,
      })
    const first = batch(1, 7)
    for (const sealed of [batch(3, 11), first, batch(2, 9, {}, "a\u0000"), first]) await send(redis, sealed)
    await send(redis, batch(0, 5, { sealedAtMs: Date.now() - 80 * HOUR_MS }))
    startIngest(t, stores)
    await drained(redis)
    const counts = await instance(db)
    t.match(counts, { accepted: 11, dropped: 3, stored: 4, deadLettered: 2, expired: 2, duplicateBatches: 1 })
    if (counts === undefined) return
    t.equal(
      counts.accepted,
      counts.stored + counts.deadLettered + counts.expired + counts.dropped + counts.spilled,
    )
  },
)
