import { type ClickBatch, unpackBatch } from "@qiao/core/click.ts"
import { clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Db } from "../db/connect.ts"
import { Problem } from "../problem.ts"
import { uncountDeadLettered } from "../repositories/clicks/dead-letters.ts"
import { atMsOf } from "./click-streams.ts"

/** An entry that ingest could not store. `batch` is null for what is no batch at all, which nothing counts. */
export type DeadLetter = {
  partition: number
  /** Of its own stream. */
  entryId: string
  atMs: number
  reason: string
  sealed: string
  batch: ClickBatch | null
}

/** Where a letter lies; ids are `<partition>-<id in the stream>`. */
export type DeadLetterPlace = Pick<DeadLetter, "partition" | "entryId">

export const deadLetterId = ({ partition, entryId }: DeadLetterPlace): string => `${partition}-${entryId}`

/** Null for what is no id of a letter in these partitions. */
export function deadLetterPlace(id: string, partitions: number): DeadLetterPlace | null {
  const [, partition, entryId] = /^(\d{1,4})-(\d{1,15}-\d{1,15})$/.exec(id) ?? []
  if (partition === undefined || entryId === undefined || Number(partition) >= partitions) return null
  return { partition: Number(partition), entryId }
}

/** Partition by partition, the oldest first; `after` is the last letter of the page before. */
export async function listDeadLetters(
  redis: Redis,
  partitions: number,
  { limit, after }: { limit: number; after: DeadLetterPlace | null },
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for (let partition = after?.partition ?? 0; partition < partitions && letters.length < limit; partition++) {
    const start = after?.partition === partition ? `(${after.entryId}` : "-"
    letters.push(...(await readRange(redis, partition, start, "+", limit - letters.length)))
  }
  return letters
}

export async function findDeadLetter(redis: Redis, place: DeadLetterPlace): Promise<DeadLetter | null> {
  const [letter] = await readRange(redis, place.partition, place.entryId, place.entryId, 1)
  return letter ?? null
}

/**
 * Puts a batch back into its stream, where ingest takes it for new. The copy is sent before the transaction that makes it new commits: if
 * either fails, or it is not known, all counts are as before, and a copy that was sent all the same is the copy of a known batch.
 */
export async function requeueDeadLetter(db: Db, redis: Redis, letter: DeadLetter): Promise<void> {
  const { batch, partition, sealed } = letter
  await db.transaction().execute(async (trx) => {
    if (batch !== null) await uncountDeadLettered(trx, batch)
    await reached(redis.xadd(clickStreamKey(partition), "*", "b", sealed))
  })
  await deleteDeadLetter(redis, letter)
}

/** Its visits go on counting as dead-lettered. */
export async function deleteDeadLetter(redis: Redis, { partition, entryId }: DeadLetterPlace): Promise<void> {
  await reached(redis.xdel(deadLetterKey(partition), entryId))
}

async function readRange(redis: Redis, partition: number, start: string, end: string, count: number) {
  const entries = await reached(redis.xrange(deadLetterKey(partition), start, end, "COUNT", count))
  return entries.map(([entryId, fields]) => toLetter(partition, entryId, fields))
}

function toLetter(partition: number, entryId: string, fields: string[]): DeadLetter {
  const named = new Map(fields.map((name, i) => [i % 2 === 0 ? name : "", fields[i + 1] ?? ""]))
  const field = (name: string) => named.get(name) ?? ""
  const sealed = field("b")
  return {
    partition,
    entryId,
    atMs: atMsOf(entryId),
    reason: field("reason"),
    sealed,
    batch: batchOf(sealed),
  }
}

function batchOf(sealed: string): ClickBatch | null {
  try {
    return unpackBatch(sealed)
  } catch {
    return null
  }
}

async function reached<T>(command: Promise<T>): Promise<T> {
  try {
    return await command
  } catch {
    const detail = "The streams are in Redis, which cannot be reached."
    throw new Problem(503, "redis_unavailable", detail, { headers: { "retry-after": "5" } })
  }
}
