import { clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"

/** What waits in a partition's stream, in batches. `oldestAtMs` is when the oldest of them came there. */
export type StreamBacklog = {
  partition: number
  batches: number
  oldestAtMs: number | null
  deadLetters: number
}

/** Null when Redis cannot be asked. */
export async function readBacklog(redis: Redis, partitions: number): Promise<StreamBacklog[] | null> {
  try {
    return await Promise.all(
      Array.from({ length: partitions }, (_, partition) => backlogOf(redis, partition)),
    )
  } catch {
    return null
  }
}

async function backlogOf(redis: Redis, partition: number): Promise<StreamBacklog> {
  const stream = clickStreamKey(partition)
  const [batches, deadLetters, oldest] = await Promise.all([
    redis.xlen(stream),
    redis.xlen(deadLetterKey(partition)),
    redis.xrange(stream, "-", "+", "COUNT", 1),
  ])
  const [first] = oldest
  return { partition, batches, deadLetters, oldestAtMs: first === undefined ? null : atMsOf(first[0]) }
}

/** The id of an entry begins with the time at which it came. */
export const atMsOf = (entryId: string): number => Number(entryId.split("-")[0])
