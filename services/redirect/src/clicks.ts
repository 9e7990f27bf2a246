import { createHash } from "node:crypto"
import { setTimeout as delay } from "node:timers/promises"
import { createBatchWriter, type NewVisit } from "@qiao/core/click.ts"
import { createClickReplay } from "./click-replay.ts"
import type { ClickStreams } from "./click-streams.ts"
import { oneAtATime } from "./one-at-a-time.ts"
import type { Spill } from "./spill.ts"
import type { SealedBatch } from "./spill-frame.ts"

/*
 * ClickRecorder: visits on their way to the click stream.
 *
 *   accepted ──buffer full──► dropped
 *   accepted ──► open batch ──full, or flush while nothing is queued──► sealed, queued ──stream open: XADD acknowledged──► sent
 *                                                                          │                                               ▲
 *                                          XADD failed, or stream closed   └──► spilled ──stream open: replayed ───────────┘
 *                                                                                   └─ cannot be read again ──► dropped
 *
 * A batch is sealed once (id, bytes, partition) and never changes after. What the spill does not take stays at the head of the queue, and
 * is tried again with the next flush. A batch may arrive twice: ingest knows it by its id. Of the queue one XADD is under way at a time,
 * so its batches arrive in order; of the spill another one, oldest first, without the queue waiting for it.
 *
 * Empty batches say that the instance is there, and the last one that it stopped.
 *
 * Promises: `add` never throws and never waits; accepted = sent + waiting + spilled + dropped, always; what `stop` can neither send nor
 * spill it says.
 */
export type ClickRecorder = {
  add(visit: NewVisit): void
  /** A visit of a code that no link has; counted by nobody but in its batch. */
  addOrphan(host: string, path: string): void
  /** Sends or spills what is left, and that it was the last; resolves to the number of visits that are lost. */
  stop(deadlineMs: number): Promise<number>
  readonly instance: string
  readonly partition: number
  readonly counters: Readonly<ClickCounters>
}

/**
 * In visits, but for `batches` (acknowledged), `replayedBatches` (those of them that came from the spill) and `spilledBatches`.
 * `formerSent` are visits of former instances, found in the spill; they are in no other number.
 */
export type ClickCounters = {
  accepted: number
  sent: number
  waiting: number
  spilled: number
  dropped: number
  formerSent: number
  batches: number
  replayedBatches: number
  spilledBatches: number
}

const RETRY_MS = 20

export function createClickRecorder(options: {
  streams: ClickStreams
  spill: Spill | null
  instance: string
  partitions: number
  flushIntervalMs: number
  heartbeatMs: number
  batchMax: number
  bufferMax: number
  now: () => number
}): ClickRecorder {
  const { streams, spill, instance, partitions, flushIntervalMs, heartbeatMs, batchMax, bufferMax, now } =
    options
  const partition = partitionOf(instance, partitions)
  const own = {
    ...{ accepted: 0, sent: 0, waiting: 0, dropped: 0, formerSent: 0 },
    ...{ batches: 0, replayedBatches: 0, spilledBatches: 0 },
  }
  const queue: SealedBatch[] = []
  const told = { atMs: performance.now(), spilled: 0, dropped: 0 }
  const open = createBatchWriter()
  let sequence = 0

  const counters = (): ClickCounters => {
    const { visits = 0, lostVisits = 0 } = spill?.counters ?? {}
    return { ...own, spilled: visits, dropped: own.dropped + lostVisits }
  }

  const seal = (isFinal = false) => {
    const { accepted, spilled, dropped } = counters()
    const header = {
      instance,
      sequence,
      sealedAtMs: now(),
      isFinal,
      counters: { accepted, spilled, dropped },
    }
    const visits = open.size
    queue.push({ sealed: open.seal(header), visits, partition })
    Object.assign(told, { atMs: performance.now(), spilled, dropped })
    sequence++
  }

  const sendFirst = async (batch: SealedBatch) => {
    // Taken out meanwhile: `stop` gave up waiting for the answer, and spilled it.
    if (!(await streams.add(batch)) || queue[0] !== batch) return
    queue.shift()
    own.batches++
    own.sent += batch.visits
    own.waiting -= batch.visits
  }

  /** Resolves to whether it took any. */
  const spillSome = async (): Promise<boolean> => {
    if (spill === null) return false
    const batches = queue.splice(0)
    const taken = await spill.append(batches)
    own.spilledBatches += taken
    for (const { visits } of batches.splice(0, taken)) own.waiting -= visits
    queue.unshift(...batches)
    return taken > 0
  }

  const sending = oneAtATime(async () => {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      if (streams.isOpen(partition)) await sendFirst(first)
      else if (!(await spillSome())) return
    }
  })

  const replay =
    spill &&
    createClickReplay({
      ...{ streams, spill, partitions, partition },
      onSent({ visits, isOwn }) {
        own.batches++
        own.replayedBatches++
        own[isOwn ? "sent" : "formerSent"] += visits
      },
    })

  const asking = oneAtATime(async () => {
    await streams.ask(partition)
    if (streams.isOpen(partition)) await sending.run()
  })

  /** That it is there, and what became of the spill: once nothing else would tell. */
  const hasNews = () => {
    if (!streams.isOpen(partition)) return false
    const { spilled, dropped } = counters()
    const isReplaying = replay !== null && replay.underWay !== null
    const isChanged = !isReplaying && (spilled !== told.spilled || dropped !== told.dropped)
    return isChanged || performance.now() - told.atMs >= heartbeatMs
  }

  const flush = () => {
    // While batches queue, the open one may as well fill up.
    if (queue.length === 0 && (!open.isEmpty || hasNews())) seal()
    void sending.run()
    if (streams.isOpen(partition)) void replay?.run()
    else void asking.run()
  }
  const timer = setInterval(flush, flushIntervalMs).unref()

  /** A Redis that hangs gets half of the time, the spill the rest. Nobody waits for a batch without visits to be taken. */
  const drain = async (deadlineMs: number) => {
    const giveUpAtMs = performance.now() + deadlineMs
    const leftMs = () => Math.max(0, giveUpAtMs - performance.now())
    await within(deadlineMs / 2, sending.run())
    while (queue.length > 0 || own.waiting > 0) {
      await within(leftMs(), spillSome())
      if (own.waiting === 0 || leftMs() === 0) return
      await within(leftMs(), asking.run())
      await delay(RETRY_MS)
    }
  }

  return {
    add(visit) {
      own.accepted++
      if (own.waiting >= bufferMax) {
        own.dropped++
        return
      }
      own.waiting++
      open.add(visit)
      if (open.size >= batchMax) {
        seal()
        void sending.run()
      }
    },
    addOrphan: (host, path) => open.addOrphan(host, path),
    async stop(deadlineMs) {
      clearInterval(timer)
      replay?.stop()
      const startedAtMs = performance.now()
      if (!open.isEmpty) seal()
      await Promise.all([drain(deadlineMs), within(deadlineMs / 2, replay?.underWay ?? null)])
      seal(true)
      await drain(Math.max(0, startedAtMs + deadlineMs - performance.now()))
      return own.waiting
    },
    instance,
    partition,
    get counters() {
      return counters()
    },
  }
}

function partitionOf(instance: string, partitions: number): number {
  return createHash("sha256").update(instance).digest().readUInt32BE(0) % partitions
}

/** Waits no longer than `ms` for `work`, which goes on. */
async function within(ms: number, work: Promise<unknown> | null): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work, over])
  clearTimeout(timer)
}
