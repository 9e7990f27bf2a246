import { clickStreamKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { SealedBatch } from "./spill-frame.ts"

/*
 * ClickStreams: the way to Redis.
 *
 *   whole ──a command failed or was not answered──► broken ──`ask` was answered──► whole
 *
 * A stream is as long as it was when it was last heard of. Longer than `lengthMax` it is closed to new batches, longer than half of that
 * to replayed ones: so a replay never closes it to new ones.
 */
export type ClickStreams = {
  /** False: it may have arrived or not. Never rejects. */
  add(batch: SealedBatch): Promise<boolean>
  /** Asks for the length. Never rejects. */
  ask(partition: number): Promise<void>
  isOpen(partition: number): boolean
  isOpenToReplay(partition: number): boolean
  length(partition: number): number
  /** XADDs that failed. */
  readonly failures: number
}

export function createClickStreams(options: {
  /** Its commands must end by themselves (`commandTimeout`): two timers a batch. */
  redis: Pick<Redis, "xadd" | "xlen">
  lengthMax: number
  onFailure: (err: unknown) => void
}): ClickStreams {
  const { redis, lengthMax, onFailure } = options
  const lengths = new Map<number, number>()
  const length = (partition: number) => lengths.get(partition) ?? 0
  let isBroken = false
  let failures = 0

  return {
    async add({ sealed, partition }) {
      const stream = clickStreamKey(partition)
      try {
        // They leave together, so that the length costs no way of its own.
        const [, length] = await Promise.all([redis.xadd(stream, "*", "b", sealed), redis.xlen(stream)])
        lengths.set(partition, length)
        return true
      } catch (err) {
        failures++
        isBroken = true
        onFailure(err)
        return false
      }
    },
    async ask(partition) {
      try {
        lengths.set(partition, await redis.xlen(clickStreamKey(partition)))
        isBroken = false
      } catch (err) {
        isBroken = true
        onFailure(err)
      }
    },
    isOpen: (partition) => !isBroken && length(partition) <= lengthMax,
    isOpenToReplay: (partition) => !isBroken && length(partition) <= lengthMax / 2,
    length,
    get failures() {
      return failures
    },
  }
}
