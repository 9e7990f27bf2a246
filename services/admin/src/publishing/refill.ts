import { BUCKETS, CHANGES_CHANNEL, markerKey, RECORD_PATTERN, refillKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import { sql } from "kysely"
import type { Logger } from "pino"
import type { Db } from "../db/connect.ts"
import { LOCKS } from "../db/locks.ts"
import { scanKeys } from "../redis.ts"
import { markPublished, outrunEpoch, raiseEpoch, readEpoch } from "../repositories/publications.ts"
import { streamRecords } from "../repositories/publishable.ts"
import { endOlderCaps, startCaps } from "./cap-counters.ts"
import { putRecords } from "./redis-records.ts"

export type RefillDeps = { db: Db; redis: Redis; log: Logger }

/** Whether every bucket is marked as complete, in the present epoch. */
export async function isComplete(db: Db, redis: Redis): Promise<boolean> {
  const epoch = String(await readEpoch(db))
  const markers = await Promise.all(
    Array.from({ length: BUCKETS }, (_, bucket) => redis.get(markerKey(bucket))),
  )
  return markers.every((marker) => marker === epoch)
}

/**
 * Fills Redis from Postgres: raises the epoch above all that Redis holds, takes the markers away, streams every record, removes what is
 * left of older epochs, and sets the markers last. Meanwhile records that are there are served, and a missing one is "unavailable".
 * Counters of `maxClicks` are made where they are missing, and never lowered. False when another refill is at work, or `isNeeded`,
 * asked once nobody else can be, says no. Throws when Redis or Postgres fails, or Redis loses data on the way: call it again.
 */
export async function refill(
  { db, redis, log }: RefillDeps,
  isNeeded: () => Promise<boolean> = async () => true,
): Promise<boolean> {
  return db.connection().execute(async (connection) => {
    const lock = await sql<{ ok: boolean }>`select pg_try_advisory_lock(${LOCKS.refill}) as ok`.execute(
      connection,
    )
    if (lock.rows[0]?.ok !== true) return false
    // A Redis that fails and comes back may have forgotten its last second of records, but not that it is being filled.
    const broken = new AbortController()
    const onClose = () => broken.abort(new Error("the connection to Redis was lost during the refill"))
    redis.once("close", onClose)
    try {
      if (!(await isNeeded())) return false
      await fill({ db, redis, log }, broken.signal)
      return true
    } finally {
      redis.off("close", onClose)
      await sql`select pg_advisory_unlock(${LOCKS.refill})`.execute(connection)
    }
  })
}

async function fill({ db, redis, log }: RefillDeps, broken: AbortSignal): Promise<void> {
  const epoch = await raiseEpoch(db, await highestEpoch(redis))
  log.info({ epoch }, "refilling Redis")
  await eachBucket(async (bucket) => {
    await redis.set(refillKey(bucket), epoch)
    await redis.del(markerKey(bucket))
  })
  let written = 0
  for await (const records of streamRecords(db, epoch)) {
    await startCaps(redis, epoch, records)
    const results = await putRecords(redis, epoch, records)
    for (const result of results) {
      if (result.kind === "newer" && result.held.epoch > epoch) {
        await outrunEpoch(db, epoch, result.held.epoch)
        throw new Error(`Redis holds records of the later epoch ${result.held.epoch}`)
      }
    }
    await markPublished(db, records)
    written += records.length
    if (written % 100_000 === 0) log.info({ epoch, written }, "refilling Redis")
  }
  const dropped = await dropOlder(redis, epoch)
  await endOlderCaps(redis, epoch)
  if ((await readEpoch(db)) !== epoch) throw new Error("the epoch was raised during the refill")
  broken.throwIfAborted()
  await eachBucket(async (bucket) => {
    if ((await redis.completeBucket(refillKey(bucket), markerKey(bucket), epoch)) === 1) return
    throw new Error(`bucket ${bucket} of Redis was lost during the refill`)
  })
  log.info({ epoch, written, dropped }, "Redis is complete")
}

/** What Redis is known to hold: finished and unfinished refills. A record of a later epoch shows itself when it is written. */
async function highestEpoch(redis: Redis): Promise<number> {
  let highest = 0
  await eachBucket(async (bucket) => {
    for (const key of [markerKey(bucket), refillKey(bucket)]) {
      highest = Math.max(highest, Number((await redis.get(key)) ?? 0))
    }
  })
  return highest
}

async function dropOlder(redis: Redis, epoch: number): Promise<number> {
  let dropped = 0
  for await (const keys of scanKeys(redis, RECORD_PATTERN)) {
    const results = await Promise.all(keys.map((key) => redis.dropRecord(key, epoch, CHANGES_CHANNEL)))
    dropped += results.filter((isDropped) => isDropped === 1).length
  }
  return dropped
}

async function eachBucket(run: (bucket: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => run(bucket)))
}
