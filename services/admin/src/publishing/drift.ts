import { CAP_USED, CHANGES_CHANNEL, capKey, capLinkId, RECORD_PATTERN } from "@qiao/core/keys.ts"
import { isNewer, versionOf } from "@qiao/core/versioned.ts"
import type { Redis } from "ioredis"
import type { Db } from "../db/connect.ts"
import { scanKeys } from "../redis.ts"
import { cappedLinks } from "../repositories/links.ts"
import { knownKeys, readEpoch, republish, republishSubjects } from "../repositories/publications.ts"
import { type PublishableRecord, streamRecords } from "../repositories/publishable.ts"
import { scanCaps } from "./cap-counters.ts"

/** Keys for which Redis differs from Postgres. A change on its way shows as missing or stale until it arrives. */
export type Drift = {
  compared: number
  /** In Postgres, not in Redis. */
  missing: string[]
  /** Redis holds an older or another value. */
  stale: string[]
  /** Redis holds a later version than Postgres knows: Postgres was restored, and Redis must be rebuilt. */
  newer: string[]
  /** In Redis, not in Postgres. */
  leftOver: string[]
  /** Counters of links that have `maxClicks`, not in Redis. */
  missingCounters: string[]
  /** Counters of links that have none, or are deleted, and that nobody ended. */
  leftOverCounters: string[]
}

/** Compares every record and counter of both sides, a page at a time. How far a counter is, Redis knows best. */
export async function findDrift(db: Db, redis: Redis): Promise<Drift> {
  const drift: Compared = { compared: 0, missing: [], stale: [], newer: [], missingCounters: [] }
  const epoch = await readEpoch(db)
  for await (const records of streamRecords(db, epoch)) await compare(drift, redis, epoch, records)
  const leftOver = await findLeftOver(db, redis)
  return { ...drift, leftOver, leftOverCounters: await findLeftOverCounters(db, redis) }
}

type Compared = Omit<Drift, "leftOver" | "leftOverCounters">

async function compare(drift: Compared, redis: Redis, epoch: number, records: PublishableRecord[]) {
  const held = await Promise.all(records.map(({ key }) => redis.get(key)))
  for (const [i, record] of records.entries()) compareRecord(drift, record, epoch, held[i] ?? null)
  drift.compared += records.length
  const counters = records.flatMap(({ counted }) => (counted === null ? [] : [capKey(counted.linkId)]))
  const areThere = await Promise.all(counters.map((key) => redis.hexists(key, CAP_USED)))
  drift.missingCounters.push(...counters.filter((_, i) => areThere[i] !== 1))
}

async function findLeftOver(db: Db, redis: Redis): Promise<string[]> {
  const leftOver = new Set<string>()
  for await (const keys of scanKeys(redis, RECORD_PATTERN)) {
    const known = await knownKeys(db, keys)
    for (const key of keys) if (!known.has(key)) leftOver.add(key)
  }
  return [...leftOver]
}

async function findLeftOverCounters(db: Db, redis: Redis): Promise<string[]> {
  const leftOver = new Set<string>()
  for await (const linkIds of scanCaps(redis)) {
    const capped = await cappedLinks(db, linkIds)
    const others = linkIds.filter((id) => !capped.has(id)).map(capKey)
    const seconds = await Promise.all(others.map((key) => redis.ttl(key)))
    for (const [i, key] of others.entries()) if (seconds[i] === LASTS_FOR_EVER) leftOver.add(key)
  }
  return [...leftOver]
}

/** What Redis says of a key that will not expire. */
const LASTS_FOR_EVER = -1

function compareRecord(drift: Compared, record: PublishableRecord, epoch: number, held: string | null): void {
  if (held === record.value) return
  if (held === null) return void drift.missing.push(record.key)
  drift[isNewerIn(held, epoch, record.revision) ? "newer" : "stale"].push(record.key)
}

/** What is no record at all is as old as can be. */
function isNewerIn(held: string, epoch: number, revision: number): boolean {
  try {
    return isNewer(versionOf(held), { epoch, revision })
  } catch {
    return false
  }
}

/** Makes what is missing and stale due again, for the publisher to write, and removes what is left over. */
export async function repairDrift(db: Db, redis: Redis, drift: Drift): Promise<void> {
  await republish(db, [...drift.missing, ...drift.stale])
  await Promise.all(drift.leftOverCounters.map((key) => redis.del(key)))
  const epoch = await readEpoch(db)
  await Promise.all(drift.leftOver.map((key) => redis.dropRecord(key, epoch + 1, CHANGES_CHANNEL)))
  // One of them may have become a link's own since the comparison.
  await republish(db, drift.leftOver)
  await republishSubjects(db, [...drift.missingCounters, ...drift.leftOverCounters].map(capLinkId))
}
