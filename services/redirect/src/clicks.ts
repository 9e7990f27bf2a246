import { createHash } from "node:crypto"
import { createBatchWriter, type RecordedVisit } from "@qiao/core/click.ts"
import { clickStreamKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"

/*
 * ClickRecorder: visits on their way to the click stream.
 *
 *   accepted ──buffer full──► dropped
 *   accepted ──► open batch ──full, or flush while nothing is queued──► sealed, queued ──XADD acknowledged──► sent
 *
 * A batch is sealed once (id, bytes, partition) and never changes after; an XADD that fails or is not answered in time leaves it at
 * the head of the queue, and it is sent again as it is. It may arrive twice: ingest knows it by its id. One XADD is under way at a
 * time, so batches arrive in order.
 *
 * Promises: `add` never throws and never waits; accepted = sent + waiting + dropped, always; `stop` seals and sends what is left.
 */
export type ClickRecorder = {
  add(visit: RecordedVisit): void
  /** Sends what is left; resolves to the number of visits that could not be sent within the deadline. */
  stop(deadlineMs: number): Promise<number>
  readonly instance: string
  readonly partition: number
  readonly counters: Readonly<ClickCounters>
}

/** In visits, but for `batches` (acknowledged) and `failures` (XADDs that were not). */
export type ClickCounters = {
  accepted: number
  sent: number
  waiting: number
  dropped: number
  batches: number
  failures: number
}

type SealedBatch = { sealed: string; visits: number }

export function createClickRecorder(options: {
  /** Its commands must end by themselves (`commandTimeout`): one timer a batch. */
  redis: Pick<Redis, "xadd">
  instance: string
  partitions: number
  flushIntervalMs: number
  batchMax: number
  bufferMax: number
  now: () => number
  onFailure: (err: unknown) => void
}): ClickRecorder {
  const { redis, instance, flushIntervalMs, batchMax, bufferMax, now, onFailure } = options
  const partition = partitionOf(instance, options.partitions)
  const stream = clickStreamKey(partition)
  const counters = { accepted: 0, sent: 0, waiting: 0, dropped: 0, batches: 0, failures: 0 }
  const queue: SealedBatch[] = []
  let open = createBatchWriter()
  let sequence = 0
  let isSending = false

  const seal = () => {
    if (open.size === 0) return
    const { accepted, dropped } = counters
    const header = { instance, sequence, sealedAtMs: now(), counters: { accepted, spilled: 0, dropped } }
    queue.push({ sealed: open.seal(header), visits: open.size })
    sequence++
    open = createBatchWriter()
  }

  /** Sends the queue until it is empty or a batch fails, which the next flush tries again. */
  const send = async (): Promise<void> => {
    if (isSending) return
    isSending = true
    try {
      for (let batch = queue[0]; batch !== undefined; batch = queue[0]) {
        await redis.xadd(stream, "*", "b", batch.sealed)
        queue.shift()
        counters.batches++
        counters.sent += batch.visits
        counters.waiting -= batch.visits
      }
    } catch (err) {
      counters.failures++
      onFailure(err)
    } finally {
      isSending = false
    }
  }

  const flush = () => {
    // While batches queue, the open one may as well fill up.
    if (queue.length === 0) seal()
    void send()
  }
  const timer = setInterval(flush, flushIntervalMs).unref()

  return {
    add(visit) {
      counters.accepted++
      if (counters.waiting >= bufferMax) {
        counters.dropped++
        return
      }
      counters.waiting++
      open.add(visit)
      if (open.size >= batchMax) {
        seal()
        void send()
      }
    },
    async stop(deadlineMs) {
      clearInterval(timer)
      const giveUpAtMs = performance.now() + deadlineMs
      seal()
      while (counters.waiting > 0 && performance.now() < giveUpAtMs) {
        await send()
        if (counters.waiting > 0) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return counters.waiting
    },
    instance,
    partition,
    counters,
  }
}

function partitionOf(instance: string, partitions: number): number {
  return createHash("sha256").update(instance).digest().readUInt32BE(0) % partitions
}
