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
  const [batches, deadLetters, oldestAtMs] = await Promise.all([
    redis.xlen(clickStreamKey(partition)),
    redis.xlen(deadLetterKey(partition)),
    readOldestAt(redis, partition),
  ])
  return { partition, batches, deadLetters, oldestAtMs }
}

/** When the oldest batch that waits in a partition's stream came there. */
export async function readOldestAt(redis: Redis, partition: number): Promise<number | null> {
  const [oldest] = await redis.xrange(clickStreamKey(partition), "-", "+", "COUNT", 1)
  return oldest === undefined ? null : atMsOf(oldest[0])
}

/** The id of an entry begins with the time at which it came. */
export const atMsOf = (entryId: string): number => Number(entryId.split("-")[0])
