import type { BatchHeader } from "@qiao/core/click.ts"
import type pg from "pg"
import t, { type Test } from "tap"
import { createDatabase } from "../../test/support/database.ts"
import { waitFor } from "../../test/support/wait.ts"
import { connectDb } from "../src/db/connect.ts"
import { countInstances } from "../src/ingest/instance-counting.ts"
import { openBatch, type SealedBatch } from "../src/ingest/sealed-batch.ts"
import { createTurns } from "../src/ingest/turns.ts"
import { claimBatches } from "../src/repositories/clicks/click-batches.ts"
import { countDeadLettered } from "../src/repositories/clicks/dead-letters.ts"
import { listAccounts } from "../src/repositories/clicks/edge-instances.ts"
import { addInstances } from "../src/repositories/clicks/instance-counts.ts"
import { dropBatches } from "../src/repositories/clicks/known-batches.ts"
import { storeBatches } from "../src/repositories/clicks/visits.ts"
import { ensurePartitions } from "../src/repositories/upkeep/partitions.ts"
import { keepUp } from "../src/upkeep/upkeep.ts"
import { seal, visit } from "./support/ingest.ts"
import { ask, connect, DAY_MS, HOUR_MS, RETENTION } from "./support/upkeep.ts"

const NOW_MS = Date.UTC(2026, 5, 15, 10, 30)
const { horizonMs } = RETENTION
const AFTER_HORIZON_MS = NOW_MS + horizonMs + HOUR_MS
/** The partition of the day is gone. */
const LONG_AFTER_MS = NOW_MS + 6 * DAY_MS
const NOWHERE = { country: "", region: "", city: "", isp: "" }

async function setUp(t: Test) {
  const { url } = await createDatabase(t)
  const client = await connect(t, url)
  const db = connectDb(url, 1, () => undefined)
  t.teardown(() => db.destroy())
  await keepUp(client, RETENTION, NOW_MS)
  const store = (batches: SealedBatch[], nowMs: number) => {
    const options = { nowMs, horizonMs, placeOf: () => NOWHERE, counting: createTurns(1), listeners: [] }
    return storeBatches(client, batches, options)
  }
  const account = async (nowMs: number) =>
    (await listAccounts(db, { nowMs, horizonMs }, {}, { limit: 10, cursor: undefined })).data[0]
  return { client, url, store, account }
}

/** Of two visits. */
function batch(sequence: number, header: Partial<BatchHeader> = {}): SealedBatch {
  const counters = { accepted: 2 * (sequence + 1), spilled: 0, dropped: 0 }
  const visits = [visit("lnk_late"), visit("lnk_late")]
  return openBatch(seal(visits, { sequence, sealedAtMs: NOW_MS, counters, ...header }))
}

const knownOf = (client: pg.ClientBase) =>
  ask(client, "select instance, known from edge_instances order by 1")

const batchesOf = (client: pg.ClientBase) =>
  ask(client, "select sequence from click_batches where sealed_at > 'epoch' order by 1")

t.test(
  "a copy that comes after the horizon of what was stored in time is a duplicate, and the accounting stays balanced",
  async (t) => {
    const { client, store, account } = await setUp(t)
    const inTime = [0, 1, 2].map((sequence) => batch(sequence))
    t.equal((await store(inTime, NOW_MS)).visits, 6)
    let duplicates = 0
    for (const nowMs of [AFTER_HORIZON_MS, LONG_AFTER_MS, LONG_AFTER_MS + 30 * DAY_MS]) {
      await keepUp(client, RETENTION, nowMs)
      t.equal((await batchesOf(client)).length, nowMs < LONG_AFTER_MS ? 3 : 0)
      const copies = inTime.slice(1)
      t.match(await store(copies, nowMs), { visits: 0, expiredVisits: 0, duplicateBatches: 2 })
      duplicates += 2
      t.match(await account(nowMs), {
        ...{ isBalanced: true, accepted: 6, stored: 6, expired: 0, lost: 0 },
        ...{ delivered: 3 + duplicates, unique: 3, duplicates, missing: 0 },
      })
    }
  },
)

t.test("what comes for the first time after the horizon counts as expired, once", async (t) => {
  for (const lateMs of [AFTER_HORIZON_MS, LONG_AFTER_MS]) {
    const { client, store, account } = await setUp(t)
    await store([batch(0), batch(2, { isFinal: true })], NOW_MS)
    await keepUp(client, RETENTION, lateMs)
    const stored = await store([batch(1), batch(0), batch(1)], lateMs)
    t.match(stored, { visits: 0, expiredVisits: 2, duplicateBatches: 2 })
    await keepUp(client, RETENTION, lateMs + 10 * DAY_MS)
    t.match(await store([batch(1)], lateMs + 10 * DAY_MS), { expiredVisits: 0, duplicateBatches: 1 })
    t.match(await account(lateMs + 10 * DAY_MS), {
      ...{ isBalanced: true, accepted: 6, stored: 4, expired: 2, lost: 0 },
      ...{ unique: 3, duplicates: 3, missing: 0 },
    })
  }
})

t.test("what came from a clock that is days ahead is known after the horizon as well", async (t) => {
  const { client, store, account } = await setUp(t)
  const ahead = batch(0, { sealedAtMs: NOW_MS + 2 * DAY_MS })
  t.equal((await store([ahead], NOW_MS)).visits, 2)
  const nowMs = NOW_MS + 10 * DAY_MS
  await keepUp(client, RETENTION, nowMs)
  t.match(await store([ahead], nowMs), { expiredVisits: 0, duplicateBatches: 1 })
  t.match(await account(nowMs), { isBalanced: true, stored: 2, expired: 0 })
})

t.test("a copy of what was refused is refused after the horizon as well, and counts once", async (t) => {
  const { client, store, account } = await setUp(t)
  const refused = batch(0)
  await countDeadLettered(client, refused, { nowMs: NOW_MS, horizonMs })
  for (const nowMs of [AFTER_HORIZON_MS, LONG_AFTER_MS]) {
    await keepUp(client, RETENTION, nowMs)
    t.ok((await store([refused], nowMs)).refused.has(refused))
    await countDeadLettered(client, refused, { nowMs, horizonMs })
    t.match(await account(nowMs), { isBalanced: true, deadLettered: 2, stored: 0, expired: 0 })
  }
})

t.test("which batches came takes as much room as there are gaps in them", async (t) => {
  const { client } = await setUp(t)
  await ensurePartitions(client, NOW_MS, horizonMs, 5)
  await client.query(
    `insert into edge_instances (instance, accepted, spilled, dropped, last_at)
     select instance, 0, 0, 0, $1 from unnest(array['gaps', 'none', 'silent']) as instance`,
    [new Date(NOW_MS + 4 * DAY_MS)],
  )
  await client.query(
    `insert into click_batches
     select $1::timestamptz + n * interval '30 seconds', instance, n
     from generate_series(0, 9999) n, unnest(array['gaps', 'none', 'gone']) as instance
     where instance <> 'gaps' or n not in (700, 701, 5000)`,
    [new Date(NOW_MS)],
  )
  const known = [
    { instance: "gaps", known: "{[0,700),[702,5000),[5001,10000)}" },
    { instance: "none", known: "{[0,10000)}" },
    { instance: "silent", known: "{}" },
  ]
  for (let day = 1; day < 10; day++) {
    await keepUp(client, RETENTION, NOW_MS + day * DAY_MS)
    const ranges = await ask<{ most: number }>(
      client,
      "select max((select count(*)::int from unnest(known))) as most from edge_instances",
    )
    t.ok(Number(ranges[0]?.most) <= 3, `after ${day} days`)
  }
  t.same(await batchesOf(client), [])
  t.same(await knownOf(client), known, "an instance that is gone is not made again")
})

t.test("those who store and the upkeep that drops a day never wait for each other in a circle", async (t) => {
  const { client: ingest, url, store } = await setUp(t)
  await store([batch(0)], NOW_MS)
  const upkeep = await connect(t, url)
  await dropBatches(upkeep, "2026-06-15")
  const clock = { nowMs: LONG_AFTER_MS, horizonMs }
  const fresh = [batch(1, { sealedAtMs: LONG_AFTER_MS })]
  await ingest.query("begin")
  t.equal((await claimBatches(ingest, fresh, clock)).length, 1)
  const dropping = dropBatches(upkeep, "2026-06-16")
  await waitFor("the upkeep to wait", async () => {
    const { rowCount } = await ingest.query(
      "select from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())",
    )
    return rowCount
  })
  await addInstances(ingest, countInstances(fresh, fresh, [], LONG_AFTER_MS))
  await ingest.query("commit")
  await dropping
  t.same(await knownOf(ingest), [{ instance: "edge-1", known: "{[0,1)}" }])
})
