import { setTimeout as delay } from "node:timers/promises"
import { CHANGES_CHANNEL, HEARTBEAT, HEARTBEAT_KEY } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Logger } from "pino"
import type { Db } from "../db/connect.ts"
import * as publications from "../repositories/publications.ts"
import { readRecords } from "../repositories/publishable.ts"
import { endCaps, startCaps } from "./cap-counters.ts"
import { putRecords } from "./redis-records.ts"
import { isComplete, refill } from "./refill.ts"

/*
 * Brings what changed in Postgres into Redis.
 *
 * States of a publication: due (revision <> published_revision) → claimed (its row is locked by one publisher) → published.
 * A publisher that dies lets go of its locks, and the rows are due for the next one. Writing a record twice is harmless: Redis keeps the
 * higher (epoch, revision).
 *
 * Promise: every committed change reaches Redis, in the order of its revisions, however often publishers, Redis or Postgres fail.
 */

/**
 * Since when Redis may have forgotten what was published, null when nobody saw it fail: a Redis that restarts has lost its last second
 * of AOF, a replica that takes over a little more, without being empty.
 */
export type Doubt = { since: Date | null }
const FORGOTTEN_SECONDS = 60
const RETRY_MS = 1_000

export type PublisherMetrics = { published: number; failures: number; refills: number }

export type PublisherDeps = {
  db: Db
  redis: Redis
  log: Logger
  batchMax: number
  /** Resolves at the next wake-up: a notification, or the poll interval. */
  nextWake: () => Promise<void>
  metrics: PublisherMetrics
  /** Resolved before anything is published; set at the start and whenever the connection is lost. */
  doubt: Doubt | null
}

/** Publishes until the signal aborts. */
export async function runPublishing(deps: PublisherDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await resolveDoubt(deps)
      while (!signal.aborted && (await publishDue(deps)) > 0);
      await deps.nextWake()
    } catch (err) {
      deps.metrics.failures++
      deps.log.warn({ err }, "publishing failed; trying again")
      // Whatever wakes it: rows stay locked while Redis is waited for, so trying on and on would keep writers waiting.
      await delay(RETRY_MS, undefined, { signal }).catch(() => {})
    }
  }
}

async function resolveDoubt(deps: PublisherDeps): Promise<void> {
  const { db, redis, doubt } = deps
  if (doubt === null || redis.status !== "ready") return
  await publications.republishRecent(db, doubt.since, FORGOTTEN_SECONDS)
  deps.doubt = null
}

/** Publishes one batch of due records and returns how many it claimed. */
export async function publishDue({ db, redis, batchMax, metrics }: PublisherDeps): Promise<number> {
  if (redis.status !== "ready") return 0
  return db.transaction().execute(async (trx) => {
    const keys = await publications.claimDue(trx, batchMax)
    if (keys.length === 0) return 0
    const epoch = await publications.readEpoch(trx)
    const records = await readRecords(trx, epoch, keys)
    await startCaps(redis, epoch, records)
    const results = await putRecords(redis, epoch, records)
    await endCaps(redis, epoch, records)
    const newer = results.find((result) => result.kind === "newer")
    // Either a refill began meanwhile, or Postgres has gone back (a backup, a replica that took over): as the rows are locked, nobody
    // can have written a later revision of this epoch that Postgres still knows.
    if (newer !== undefined) await publications.outrunEpoch(trx, epoch, newer.held.epoch)
    const written = records.filter((_, i) => results[i]?.kind === "written")
    await publications.markPublished(trx, written)
    metrics.published += written.length
    return keys.length
  })
}

/** Tells the edges that changes travel: only once a write was taken, which a node that was demoted to a replica refuses. */
export async function beat({ redis }: PublisherDeps): Promise<void> {
  if (redis.status !== "ready") return
  await redis.set(HEARTBEAT_KEY, Date.now())
  await redis.publish(CHANGES_CHANNEL, HEARTBEAT)
}

/** Refills a Redis that is empty, has lost a shard, or is of another epoch. */
export async function mend({ db, redis, log, metrics }: PublisherDeps): Promise<void> {
  if (redis.status !== "ready" || (await isComplete(db, redis))) return
  const isNeeded = async () => !(await isComplete(db, redis))
  if (await refill({ db, redis, log }, isNeeded)) metrics.refills++
}
