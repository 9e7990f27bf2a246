import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises"
import type { DetailedPlaceOf } from "@qiao/core/detailed-place.ts"
import { CLICK_GROUP, clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import { type ChainableCommander, Redis } from "ioredis"
import pg from "pg"
import type { Logger } from "pino"
import { connectClient } from "../db/connect.ts"
import { LOCKS } from "../db/locks.ts"
import { keepTrying } from "../keep-trying.ts"
import { createLivePublisher, type LivePublisher } from "../live/live-publishing.ts"
import { FAIL_FAST } from "../redis.ts"
import { countDeadLettered } from "../repositories/clicks/dead-letters.ts"
import { type Stored, storeBatches } from "../repositories/clicks/visits.ts"
import { ensurePartitions } from "../repositories/upkeep/partitions.ts"
import { openBatch, type SealedBatch } from "./sealed-batch.ts"
import { createTurns, type Turns } from "./turns.ts"

/*
 * Brings clicks from the streams into Postgres.
 *
 * States of a partition: free → owned (a session lock on the very connection that runs its transactions, so that losing one loses the
 * other) → free again on any error, with a pause. An owner first reads what was delivered and not acknowledged, and again from time to
 * time, else what is new.
 * States of an entry: delivered → stored (committed) → acknowledged and deleted. What fails between two of these is done again.
 *
 * Promise: every batch in the streams is stored once; what can never be stored is kept in the dead-letter stream with the reason, for a time.
 */

export type IngestMetrics = {
  visits: number
  batches: number
  duplicateBatches: number
  expiredVisits: number
  deadLettered: number
  failures: number
  owned: number
}

export const noIngestMetrics = (): IngestMetrics => ({
  visits: 0,
  batches: 0,
  duplicateBatches: 0,
  expiredVisits: 0,
  deadLettered: 0,
  failures: 0,
  owned: 0,
})

/** Of all partitions of a process. A read is in memory while it is worked at, so the number of these bounds the memory. */
export type IngestTurns = { reading: Turns; counting: Turns }

/** While one read is counted, another is made ready and copied. */
export const createIngestTurns = (): IngestTurns => ({ reading: createTurns(2), counting: createTurns(1) })

export type IngestDeps = {
  databaseUrl: string
  redisUrl: string
  log: Logger
  now: () => number
  batchesMax: number
  horizonMs: number
  /** How long dead letters are kept: visitors' addresses are in them. */
  deadLettersMs: number
  placeOf: DetailedPlaceOf
  turns: IngestTurns
  metrics: IngestMetrics
}

/** Another process may count in the same rows. */
const STATEMENT_MAX_MS = 30_000
const RETRY_MS = 500
const BLOCK_MS = 500
/** How often an owner looks for what a former owner, who did not know yet that it was none, was given after the handover. */
const PENDING_CHECK_MS = 2_000
const UPKEEP_EVERY_MS = 3_600_000

type Entry = { id: string; sealed: string }
type Decoded = { entry: Entry; batch: SealedBatch }
type Owned = { client: pg.Client; redis: Redis; live: LivePublisher; partition: number }

/** Ingests one partition, whenever it is free, until the signal aborts. */
export function runPartition(deps: IngestDeps, partition: number, signal: AbortSignal): Promise<void> {
  const onFailure = (err: unknown) => {
    deps.metrics.failures++
    deps.log.warn({ err, partition }, "ingesting failed; trying again")
  }
  return keepTrying(() => ownPartition(deps, partition, signal), { signal, pauseMs: RETRY_MS, onFailure })
}

async function ownPartition(deps: IngestDeps, partition: number, signal: AbortSignal): Promise<void> {
  // Not reconnected: a lost connection ends the ownership, and the next one begins with what was left unacknowledged.
  const redis = new Redis(deps.redisUrl, { ...FAIL_FAST, retryStrategy: () => null, lazyConnect: true })
  redis.on("error", () => {})
  const client = await connectClient(deps.databaseUrl, () => redis.disconnect(), STATEMENT_MAX_MS)
  try {
    while (!(await lockPartition(client, partition))) await delay(RETRY_MS, undefined, { signal })
    await redis.connect()
    await createGroup(redis, partition)
    deps.metrics.owned++
    try {
      await drain(deps, { client, redis, live: createLivePublisher(redis), partition }, signal)
    } finally {
      deps.metrics.owned--
    }
  } finally {
    redis.disconnect()
    await client.end().catch(() => {})
  }
}

async function lockPartition(client: pg.Client, partition: number): Promise<boolean> {
  const sql = "select pg_try_advisory_lock($1, $2) as locked"
  const { rows } = await client.query<{ locked: boolean }>(sql, [LOCKS.clickPartition, partition])
  return rows[0]?.locked === true
}

async function drain(deps: IngestDeps, owned: Owned, signal: AbortSignal): Promise<void> {
  let pendingCheckedAt = Number.NEGATIVE_INFINITY
  let upkeepDoneAt = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    if (deps.now() - upkeepDoneAt > UPKEEP_EVERY_MS) {
      await ensurePartitions(owned.client, deps.now(), deps.horizonMs)
      await trimDeadLetters(deps, owned)
      upkeepDoneAt = deps.now()
    }
    const isPendingDue = performance.now() - pendingCheckedAt > PENDING_CHECK_MS
    const entries = await read(owned, deps.batchesMax, isPendingDue ? "0" : ">")
    if (entries.length === 0) {
      if (isPendingDue) pendingCheckedAt = performance.now()
      continue
    }
    await deps.turns.reading(async () => {
      if (!signal.aborted) await ingest(deps, owned, entries)
    })
  }
}

/** Stores entries and then acknowledges them; poison goes to the dead letters. */
async function ingest(deps: IngestDeps, owned: Owned, entries: Entry[]): Promise<void> {
  const decoded: Decoded[] = []
  for (const entry of entries) {
    try {
      decoded.push({ entry, batch: openBatch(entry.sealed) })
    } catch (err) {
      await deadLetter(deps, owned, entry, (err as Error).message)
    }
    // A large read takes long enough to keep everything else in this process waiting.
    await nextTurn()
  }
  await storeOrBisect(deps, owned, decoded)
}

async function storeOrBisect(deps: IngestDeps, owned: Owned, decoded: Decoded[]): Promise<void> {
  const [first] = decoded
  if (first === undefined) return
  const batches = decoded.map(({ batch }) => batch)
  const { horizonMs, placeOf, turns, metrics } = deps
  try {
    const live = await owned.live()
    const options = { nowMs: deps.now(), horizonMs, placeOf, counting: turns.counting, listeners: [live] }
    const stored = await storeBatches(owned.client, batches, options)
    metrics.visits += stored.visits
    metrics.batches += batches.length
    metrics.duplicateBatches += stored.duplicateBatches
    metrics.expiredVisits += stored.expiredVisits
    await settle(deps, owned, decoded, stored.refused)
    await live.tell()
  } catch (err) {
    if (!isPoison(err)) throw err
    if (decoded.length === 1) {
      await countDeadLettered(owned.client, first.batch, { nowMs: deps.now(), horizonMs }).catch((err) => {
        if (!isPoison(err)) throw err
      })
      return deadLetter(deps, owned, first.entry, err.message)
    }
    const half = decoded.length >> 1
    await storeOrBisect(deps, owned, decoded.slice(0, half))
    return storeOrBisect(deps, owned, decoded.slice(half))
  }
}

/** What follows the commit. */
async function settle(deps: IngestDeps, owned: Owned, decoded: Decoded[], refused: Stored["refused"]) {
  // A copy of what was refused may be the one that was to be kept: then the ingest that counted it died before it got there.
  for (const { entry, batch } of decoded)
    if (refused.has(batch)) await deadLetter(deps, owned, entry, "a copy of a batch that was refused")
  const ids = decoded.flatMap(({ entry, batch }) => (refused.has(batch) ? [] : entry.id))
  if (ids.length > 0) await acknowledge(owned, ids)
}

/**
 * Data that Postgres refuses whoever asks: SQLSTATE classes 22 (data), 23 (constraints) and 54 (limits, as that of a key's length). An
 * outage never counts, nor does a missing partition, which names no constraint: it is made at the next try. Nor does a row that is there
 * already (23505): no batch says what others write.
 */
function isPoison(err: unknown): err is pg.DatabaseError {
  if (!(err instanceof pg.DatabaseError) || !/^(2[23]|54)/.test(err.code ?? "")) return false
  return err.code !== "23505" && (err.code !== "23514" || err.constraint !== undefined)
}

async function deadLetter(deps: IngestDeps, owned: Owned, entry: Entry, reason: string): Promise<void> {
  const { partition } = owned
  deps.log.error({ entry: entry.id, partition, reason }, "dead-lettered a batch")
  const fields = ["b", entry.sealed, "reason", reason, "entry", entry.id]
  await exec(acknowledging(owned, [entry.id]).xadd(deadLetterKey(partition), "*", ...fields))
  deps.metrics.deadLettered++
}

/** Their visits go on counting as dead-lettered. */
async function trimDeadLetters({ now, deadLettersMs, log }: IngestDeps, { redis, partition }: Owned) {
  const letters = await redis.xtrim(deadLetterKey(partition), "MINID", now() - deadLettersMs)
  if (letters > 0) log.warn({ letters, partition }, "deleted dead letters that are kept no longer")
}

async function acknowledge(owned: Owned, ids: string[]): Promise<void> {
  await exec(acknowledging(owned, ids))
}

function acknowledging({ redis, partition }: Owned, ids: string[]): ChainableCommander {
  const stream = clickStreamKey(partition)
  return redis
    .multi()
    .xack(stream, CLICK_GROUP, ...ids)
    .xdel(stream, ...ids)
}

async function exec(transaction: ChainableCommander): Promise<void> {
  for (const [err] of (await transaction.exec()) ?? []) if (err !== null) throw err
}

async function createGroup(redis: Redis, partition: number): Promise<void> {
  try {
    await redis.xgroup("CREATE", clickStreamKey(partition), CLICK_GROUP, "0", "MKSTREAM")
  } catch (err) {
    if (!String(err).includes("BUSYGROUP")) throw err
  }
}

type StreamReply = [stream: string, entries: [id: string, fields: string[] | null][]][] | null

/** `from` is "0" for what was delivered and not acknowledged, ">" for what is new. One consumer name, whoever owns the partition. */
async function read({ redis, partition }: Owned, count: number, from: "0" | ">"): Promise<Entry[]> {
  const stream = clickStreamKey(partition)
  const reply = (await redis.xreadgroup(
    ...([
      "GROUP",
      CLICK_GROUP,
      CLICK_GROUP,
      "COUNT",
      count,
      "BLOCK",
      BLOCK_MS,
      "STREAMS",
      stream,
      from,
    ] as const),
  )) as StreamReply
  const entries = reply?.[0]?.[1] ?? []
  return entries.map(([id, fields]) => ({ id, sealed: fields?.[fields.indexOf("b") + 1] ?? "" }))
}
