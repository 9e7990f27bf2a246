import { BUCKETS, CHANGES_CHANNEL, HEARTBEAT, markerKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Logger } from "pino"
import type { Db } from "./db/connect.ts"
import { putRecords } from "./redis-records.ts"
import { refill } from "./refill.ts"
import * as publications from "./repositories/publications.ts"

/**
 * Brings what changed in Postgres into Redis.
 *
 * States of a publication: due (revision <> published_revision) → claimed (its row is locked by one publisher) → published.
 * A publisher that dies lets go of its locks, and the rows are due for the next one. Writing a record twice is harmless: Redis keeps the
 * higher (epoch, revision).
 *
 * Promise: every committed change reaches Redis, in the order of its revisions, however often publishers, Redis or Postgres fail.
 */
export type PublisherMetrics = { published: number; failures: number; refills: number }

export type PublisherDeps = {
  db: Db
  redis: Redis
  log: Logger
  batchMax: number
  /** Resolves at the next wake-up: a notification, or the poll interval. */
  nextWake: () => Promise<void>
  metrics: PublisherMetrics
}

/** Publishes until the signal aborts. */
export async function runPublishing(deps: PublisherDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      while (!signal.aborted && (await publishDue(deps)) > 0);
    } catch (err) {
      deps.metrics.failures++
      deps.log.warn({ err }, "publishing failed; trying again")
    }
    if (!signal.aborted) await deps.nextWake()
  }
}

/** Publishes one batch of due records and returns how many it claimed. */
export async function publishDue({ db, redis, batchMax, metrics }: PublisherDeps): Promise<number> {
  if (redis.status !== "ready") return 0
  return db.transaction().execute(async (trx) => {
    const keys = await publications.claimDue(trx, batchMax)
    if (keys.length === 0) return 0
    const epoch = await publications.readEpoch(trx)
    const records = await publications.readRecords(trx, epoch, keys)
    const results = await putRecords(redis, epoch, records)
    const newer = results.find((result) => result.kind === "newer")
    if (newer !== undefined) await publications.outrunEpoch(trx, newer.held.epoch)
    // A higher revision of the same epoch is what another publisher wrote after reading a later change.
    const done = records.filter((_, i) => {
      const result = results[i]
      return result?.kind === "written" || result?.held.epoch === epoch
    })
    await publications.markPublished(trx, done)
    metrics.published += done.length
    return done.length
  })
}

/** Tells the edges that changes travel. */
export async function beat({ redis }: PublisherDeps): Promise<void> {
  if (redis.status === "ready") await redis.publish(CHANGES_CHANNEL, HEARTBEAT)
}

/** Refills a Redis that is empty, has lost a shard, or is of another epoch. */
export async function mend({ db, redis, log, metrics }: PublisherDeps): Promise<void> {
  if (redis.status !== "ready") return
  const epoch = String(await publications.readEpoch(db))
  const markers = await Promise.all(
    Array.from({ length: BUCKETS }, (_, bucket) => redis.get(markerKey(bucket))),
  )
  if (markers.every((marker) => marker === epoch)) return
  if (await refill({ db, redis, log })) metrics.refills++
}
