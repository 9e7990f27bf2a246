import { CHANGES_CHANNEL } from "@qiao/core/keys.ts"
import { isNewer, versionOf } from "@qiao/core/versioned.ts"
import type { Redis } from "ioredis"
import type { Db } from "./db/connect.ts"
import { scanRecords } from "./refill.ts"
import { knownKeys, readEpoch, republish } from "./repositories/publications.ts"
import { type PublishableRecord, streamRecords } from "./repositories/publishable.ts"

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
}

/** Compares every record of both sides, a page at a time. */
export async function findDrift(db: Db, redis: Redis): Promise<Drift> {
  const drift: Drift = { compared: 0, missing: [], stale: [], newer: [], leftOver: [] }
  const epoch = await readEpoch(db)
  for await (const records of streamRecords(db, epoch)) {
    const held = await Promise.all(records.map(({ key }) => redis.get(key)))
    for (const [i, record] of records.entries()) compare(drift, record, epoch, held[i] ?? null)
    drift.compared += records.length
  }
  const leftOver = new Set<string>()
  for await (const keys of scanRecords(redis)) {
    const known = await knownKeys(db, keys)
    for (const key of keys) if (!known.has(key)) leftOver.add(key)
  }
  return { ...drift, leftOver: [...leftOver] }
}

function compare(drift: Drift, record: PublishableRecord, epoch: number, held: string | null): void {
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

/** Makes missing and stale records due again, for the publisher to write, and removes what is left over. */
export async function repairDrift(db: Db, redis: Redis, drift: Drift): Promise<void> {
  await republish(db, [...drift.missing, ...drift.stale])
  const epoch = await readEpoch(db)
  await Promise.all(drift.leftOver.map((key) => redis.dropRecord(key, epoch + 1, CHANGES_CHANNEL)))
  // One of them may have become a link's own since the comparison.
  await republish(db, drift.leftOver)
}
