import { Readable } from "node:stream"
import type { LiveMessage, LiveVisit } from "./live-visit.ts"

/*
 * Visits as server-sent events, for one reader.
 *
 * States: open → ended (the last event is written, and the reader gets a moment to take it) → destroyed. A reader that goes away destroys
 * it at once.
 * The reader sets the pace: while it takes nothing, visits wait, at most `visitsMax`; then the oldest make room and are counted as omitted.
 */

export type LiveStream = {
  readonly body: Readable
  add(message: LiveMessage): void
  /** The last event says why. */
  end(reason: "time_up" | "shutdown" | "feed_lost"): void
}

export type LiveStreamOptions = {
  /** Of a link's visits alone; null for all of the workspace. */
  linkId: string | null
  heartbeatMs: number
  lastsMs: number
  visitsMax: number
  /** Called once, when the stream is destroyed. */
  onDestroyed(): void
}

/** What a client waits before it comes back. */
const RETRY_MS = 3_000
/** What a reader has to take the last event. */
const END_MAX_MS = 2_000
const BUFFER_MAX_BYTES = 16_384

export function createLiveStream(options: LiveStreamOptions): LiveStream {
  const { linkId, heartbeatMs, lastsMs, visitsMax, onDestroyed } = options
  let waiting: LiveVisit[] = []
  let omitted = 0
  let isWanted = false
  let isEnded = false
  let ending: NodeJS.Timeout | undefined

  const body = new Readable({
    highWaterMark: BUFFER_MAX_BYTES,
    read() {
      isWanted = true
      if (!isEnded) tell()
    },
    destroy(err, done) {
      clearInterval(beating)
      clearTimeout(lasting)
      clearTimeout(ending)
      onDestroyed()
      done(err)
    },
  })
  const beating = setInterval(() => {
    if (isWanted) write(": \n\n")
  }, heartbeatMs)
  const lasting = setTimeout(() => end("time_up"), lastsMs)
  write(`retry: ${RETRY_MS}\n\n`)

  function write(text: string): void {
    isWanted = false
    body.push(text)
  }

  function tell(): void {
    if (waiting.length === 0 && omitted === 0) return
    const data = { visits: waiting.map(({ linkId: link, ...visit }) => ({ link, ...visit })), omitted }
    waiting = []
    omitted = 0
    write(eventOf("visits", data))
  }

  function end(reason: string): void {
    if (isEnded) return
    isEnded = true
    tell()
    write(eventOf("end", { reason }))
    body.push(null)
    ending = setTimeout(() => body.destroy(), END_MAX_MS)
  }

  return {
    body,
    add(message) {
      if (isEnded || body.destroyed) return
      const visits =
        linkId === null ? message.visits : message.visits.filter((visit) => visit.linkId === linkId)
      waiting.push(...visits)
      omitted += message.omitted
      const excess = waiting.length - visitsMax
      if (excess > 0) {
        waiting.splice(0, excess)
        omitted += excess
      }
      if (isWanted) tell()
    },
    end,
  }
}

const eventOf = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
