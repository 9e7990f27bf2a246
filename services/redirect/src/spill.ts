import type { Logger } from "pino"
import { openFolder } from "./spill-folder.ts"
import { encodeFrame, type SealedBatch, type SegmentEnd } from "./spill-frame.ts"
import {
  appendFrames,
  createSegment,
  cutAndClose,
  moveSegment,
  type OpenSegment,
  readSegment,
  removeSegment,
  type Segment,
  setAside,
  syncFolder,
} from "./spill-segment.ts"
import { takeStrays } from "./spill-strays.ts"

/*
 * Spill: batches on disk that could not be sent, a queue in a folder; shut, and without effect, while the folder is not this process's.
 *
 *   a segment: written ──long enough, or the oldest of all──► finished ──peek──► read ──all acknowledged──► removed
 *                 └─ a write failed: cut to what counts, finished          └─ corrupt: set aside, when what came before is acknowledged
 *
 * Promises: what `append` says it took is on the disk, and comes back by `peek`, oldest first, in this process or the next, until it is
 * acknowledged; after a crash, acknowledged batches may come back. Nothing rejects: what cannot be written is not taken. Nothing is
 * appended beyond `bytesMax` in the folder, those set aside included. What lies in folders of workers that are no more is taken over.
 */
export type Spill = {
  /** Resolves to how many of them, from the first, it took. */
  append(batches: readonly SealedBatch[]): Promise<number>
  /** The oldest batch that can be read now, until it is acknowledged; `isOwn`: of this process. One caller at a time. */
  peek(): Promise<(SealedBatch & { isOwn: boolean }) | null>
  /** The batch of the last `peek` has arrived. */
  acknowledge(): void
  close(): Promise<void>
  readonly counters: Readonly<SpillCounters>
}

/** `visits` lie in it now, and `lostVisits` could not be read again: those of this process. `bytes` and `segments` are everybody's. */
export type SpillCounters = {
  isOpen: boolean
  visits: number
  lostVisits: number
  bytes: number
  segments: number
  tornTails: number
  corruptSegments: number
  failures: number
}

/** Small enough to be read and written at one go, large enough that a gigabyte is a few hundred files. */
const SEGMENT_BYTES_MAX = 2 ** 21
const STRAYS_MS = 2_000

type Reading = { segment: Segment; batches: SealedBatch[]; end: SegmentEnd; next: number }

export function createSpill(options: {
  folder: string
  bytesMax: number
  /** Never the same twice. */
  newId: () => string
  log: Logger
}): Spill {
  const { folder, bytesMax, newId, log } = options
  const counters = { visits: 0, lostVisits: 0, bytes: 0, tornTails: 0, corruptSegments: 0, failures: 0 }
  /** Oldest first; the one that is written is the last. */
  const segments: Segment[] = []
  let writing: OpenSegment | null = null
  let reading: Reading | null = null
  let lastNumber = 0
  let isClosed = false
  let isTroubled = false

  const trouble = (err: unknown) => {
    if (!isTroubled) log.warn({ err, folder }, "the spill folder cannot be used")
    isTroubled = true
  }
  const noTrouble = () => {
    if (isTroubled) log.info({ folder }, "the spill folder can be used again")
    isTroubled = false
  }

  const home = openFolder({
    ...{ folder, newId },
    onOpen(listed) {
      segments.push(...listed.segments)
      counters.bytes = listed.asideBytes + sum(listed.segments.map(({ bytes }) => bytes))
      lastNumber = listed.lastNumber
      noTrouble()
    },
    onFailure: trouble,
  })
  const isShut = () => isClosed || !home.isOpen

  // Only one at a time touches the segment that is written.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work)
    turn = result
    return result
  }

  const framesThatFit = (batches: readonly SealedBatch[]): Buffer[] => {
    const frames: Buffer[] = []
    let bytes = 0
    for (const batch of batches) {
      const frame = encodeFrame(batch)
      bytes += frame.length
      if (counters.bytes + bytes > bytesMax) break
      frames.push(frame)
      if (bytes > SEGMENT_BYTES_MAX) break
    }
    return frames
  }

  const begin = async (): Promise<OpenSegment> => {
    lastNumber++
    writing = await createSegment(folder, lastNumber)
    segments.push(writing.segment)
    await syncFolder(folder)
    return writing
  }

  const finish = async () => {
    if (writing === null) return
    const { segment } = writing
    await cutAndClose(writing)
    writing = null
    if (segment.bytes === 0 && (await removeSegment(segment))) segments.splice(segments.indexOf(segment), 1)
  }

  const append = async (batches: readonly SealedBatch[]): Promise<number> => {
    if (isShut()) return 0
    const frames = framesThatFit(batches)
    if (frames.length === 0) return 0
    try {
      if (writing !== null && writing.segment.bytes > SEGMENT_BYTES_MAX) await finish()
      const target = writing ?? (await begin())
      const visits = sum(batches.slice(0, frames.length).map((batch) => batch.visits))
      const bytesBefore = target.segment.bytes
      await appendFrames(target, frames, visits)
      counters.visits += visits
      counters.bytes += target.segment.bytes - bytesBefore
      noTrouble()
      return frames.length
    } catch (err) {
      counters.failures++
      trouble(err)
      await finish()
      return 0
    }
  }

  const takeOver = async () => {
    if (isShut()) return
    await takeStrays(folder, newId, async (stray) => {
      // The one that is written is always the last.
      await finish()
      lastNumber++
      const segment = await moveSegment(stray, folder, lastNumber)
      segments.push(segment)
      counters.bytes += segment.bytes
      log.info({ segment: segment.path, from: stray.path }, "took over a spill segment")
    })
  }
  const takingOver = setInterval(() => void inTurn(() => takeOver().catch(trouble)), STRAYS_MS).unref()

  const startReading = async (segment: Segment): Promise<Reading | null> => {
    if (writing?.segment === segment) await inTurn(finish)
    if (segments[0] !== segment) return null
    const read = await readSegment(segment)
    return read && { segment, ...read, next: 0 }
  }

  /** What is left of its visits cannot be read. */
  const finishReading = async ({ segment, end }: Reading) => {
    counters.visits -= segment.visits
    counters.lostVisits += segment.visits
    segments.shift()
    if (end === "torn") counters.tornTails++
    if (end === "corrupt") {
      counters.corruptSegments++
      log.error({ segment: segment.path }, "a spill segment is corrupt, and set aside")
    }
    if (end === "corrupt") await setAside(segment)
    else if (await removeSegment(segment)) counters.bytes -= segment.bytes
  }

  return {
    append: (batches) => inTurn(() => append(batches)),
    async peek() {
      for (let oldest = segments[0]; oldest !== undefined && !isShut(); oldest = segments[0]) {
        reading ??= await startReading(oldest)
        if (reading === null) return null
        const batch = reading.batches[reading.next]
        if (batch !== undefined) return { ...batch, isOwn: reading.segment.isOwn }
        await finishReading(reading)
        reading = null
      }
      return null
    },
    acknowledge() {
      const batch = reading?.batches[reading.next]
      if (reading === null || batch === undefined) return
      reading.next++
      if (!reading.segment.isOwn) return
      reading.segment.visits -= batch.visits
      counters.visits -= batch.visits
    },
    async close() {
      isClosed = true
      clearInterval(takingOver)
      await inTurn(finish)
      await home.close()
    },
    get counters() {
      return { ...counters, isOpen: !isShut(), segments: segments.length }
    },
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
