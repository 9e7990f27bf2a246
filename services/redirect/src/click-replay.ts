import { setTimeout as delay } from "node:timers/promises"
import type { ClickStreams } from "./click-streams.ts"
import { type OneAtATime, oneAtATime } from "./one-at-a-time.ts"
import type { Spill } from "./spill.ts"

/**
 * Between two batches. At full speed a replay takes three quarters of the event loop, with this pause about a fifth, for 400 batches a
 * second.
 */
const PAUSE_MS = 2

export type ClickReplay = OneAtATime & {
  /** Lets go after the batch that is under way. */
  stop(): void
}

export type ReplayedBatch = { visits: number; isOwn: boolean }

/** Sends what lies in the spill, oldest first, until it is empty, a stream has no room for it, or Redis fails. */
export function createClickReplay(options: {
  streams: ClickStreams
  spill: Spill
  partitions: number
  /** Gets the batches of streams that are no more. */
  partition: number
  onSent: (batch: ReplayedBatch) => void
}): ClickReplay {
  const { streams, spill, partitions, partition, onSent } = options
  let isStopping = false

  const replaying = oneAtATime(async () => {
    for (let batch = await spill.peek(); batch !== null && !isStopping; batch = await spill.peek()) {
      const target = batch.partition < partitions ? batch.partition : partition
      if (!streams.isOpenToReplay(target)) await streams.ask(target)
      if (!streams.isOpenToReplay(target) || !(await streams.add({ ...batch, partition: target }))) return
      spill.acknowledge()
      onSent(batch)
      await delay(PAUSE_MS)
    }
  })

  return {
    run: replaying.run,
    get underWay() {
      return replaying.underWay
    },
    stop() {
      isStopping = true
    },
  }
}
