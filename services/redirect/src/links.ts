import { createCache } from "@qiao/core/cache.ts"
import { isNewer, type RecordVersion, type Versioned, versionOf } from "@qiao/core/versioned.ts"
import type { Changes } from "./changes.ts"
import { createDueNames } from "./due-names.ts"
import { type RawRecord, RECORDS_MAX, type RecordSource } from "./record-source.ts"
import type { Waits } from "./waits.ts"

/*
 * LinkReader: records from Redis through a local cache; a reader each for links, domains and rule sets.
 *
 *   absent ──read──► fresh ──expiry, silence on the changes channel──► unverified ──read──► fresh
 *                    fresh, unverified ──change──► absent           unverified ──Redis fails──► served stale
 *                    fresh ──the same version told again──► unverified
 *
 * The same version is told again after a Redis that may have forgotten; rarely, after a Postgres that lost its last changes, it has
 * another content.
 * A fresh entry is served without a promise (`peek`). Anything else is read first, one read in flight a name for all who wait (`read`).
 * Only when that read fails is an unverified entry served, for at most `staleMaxMs` after it was last read. What is asked for is read again
 * before it expires (`refresh`), many together, at a fraction of what a read for a request that waits costs.
 *
 * Promises:
 *  - A lower (epoch, revision) never replaces a higher one; an absence is as new as the epoch of the bucket's completeness marker.
 *  - A change heard during a read makes its answer uncacheable, and whoever comes after the change starts a new read.
 *  - Without the marker an absent record is "unavailable", never "missing", and nothing is cached.
 *  - A record that is asked for again keeps its value until it changes: whoever holds it may keep what they made of it.
 *  - Every wait ends within the deadline of `waits`, and at most its bound of requests wait.
 */
export type Found<T> = {
  kind: "found"
  /** Null for a tombstone. */
  value: T | null
}

export type Answer<T> = Found<T> | { kind: "missing" } | { kind: "unavailable" }

type Take<T> = (answer: Answer<T>) => void

export type RecordReader<T> = {
  /** A fresh answer, or undefined: then `read`. */
  peek(name: string): Answer<T> | undefined
  /** `take` is called once, and must not throw. */
  read(name: string, take: Take<T>): void
  /** Begins to read what is due again. To be called some dozen times a second. */
  refresh(): void
  invalidate(name: string, version: RecordVersion): void
  readonly counters: Readonly<ReaderCounters>
  readonly size: number
  /** Estimated. */
  readonly sizeBytes: number
}

export type ReaderCounters = ReturnType<typeof newCounters>

const newCounters = () => ({
  hits: 0,
  unknownHits: 0,
  misses: 0,
  /** Looked up while unverified: expired, of an older generation, or while the changes channel was silent. */
  unverified: 0,
  reads: 0,
  refreshes: 0,
  failures: 0,
  overloads: 0,
  incompletes: 0,
  uncacheable: 0,
  stale: 0,
  unavailable: 0,
})

/**
 * What is remembered of a record. Its value is made when it is asked for again, which most are not where there are many misses: text and
 * numbers are a third of what the garbage collector would have to copy.
 */
type Held<T> = Found<T> &
  RecordVersion & {
    hasValue: boolean
    generation: number
    expiresAtMs: number
    /** Since it was read. */
    wasAsked: boolean
    readAtMs: number
    text: string
    sizeBytes: number
  }

/** Without a waiter it is a refresh. */
type Flight<T> = { generation: number; isSuperseded: boolean; waiters: Take<T>[] }

/** Of the time an entry lives, which varies by a tenth. */
const DUE_AFTER = 0.75

const MISSING = { kind: "missing" } as const
const UNAVAILABLE = { kind: "unavailable" } as const

export function createRecordReader<Record extends object, T extends object>(options: {
  source: RecordSource
  changes: Pick<Changes, "generation" | "isLive">
  waits: Pick<Waits, "isFull" | "enter" | "leave">
  decode: (value: string) => Versioned<Record>
  prepare: (record: Record) => T
  entriesMax: number
  sizeMaxBytes: number
  /** What an entry takes of memory, in bytes; `text` is what it was read from. */
  sizeOf: (text: string, value: T | null) => number
  unknownMax: number
  ttlMs: number
  unknownTtlMs: number
  staleMaxMs: number
  /** Monotonic milliseconds: a clock that is set back must not make an entry live longer. */
  now: () => number
  random: () => number
  onFailure: (err: unknown, name: string) => void
}): RecordReader<T> {
  const { source, changes, waits, decode, prepare, now, random } = options
  const cache = createCache<Held<T>>({
    max: options.entriesMax,
    maxBytes: options.sizeMaxBytes,
    bytesOf: ({ sizeBytes }) => sizeBytes,
  })
  const unknown = createCache<{ generation: number; expiresAtMs: number }>({ max: options.unknownMax })
  const flights = new Map<string, Flight<T>>()
  const dueNames = createDueNames({ afterMs: options.ttlMs * DUE_AFTER, max: options.entriesMax })
  const counters = newCounters()

  const isFresh = (entry: { generation: number; expiresAtMs: number }, nowMs: number): boolean =>
    entry.generation === changes.generation && nowMs < entry.expiresAtMs && changes.isLive(nowMs)

  const depart = (name: string): Flight<T> => {
    const flight: Flight<T> = { generation: changes.generation, isSuperseded: false, waiters: [] }
    flights.set(name, flight)
    counters.reads++
    source(name, (raw) => land(name, flight, raw))
    return flight
  }

  const land = (name: string, flight: Flight<T>, raw: RawRecord) => {
    if (flights.get(name) === flight) flights.delete(name)
    waits.leave(flight.waiters.length)
    const read = understand(name, flight, raw)
    // Nobody is served when it is only a refresh that failed.
    if (flight.waiters.length === 0) return
    const answer = read ?? withoutRedis(name)
    // Cleared, as V8 may keep a flight long after it landed (tables of a Map that were outgrown lead to each other), and requests with it.
    for (const take of flight.waiters.splice(0)) take(answer)
  }

  /** Null when it says nothing. */
  const understand = (name: string, flight: Flight<T>, raw: RawRecord): Answer<T> | null => {
    if (raw.kind === "failed") return fail(name, raw.err)
    if (flight.isSuperseded) counters.uncacheable++
    if (raw.kind === "absent") return acceptAbsence(name, flight, raw.marker)
    try {
      return accept(name, flight, raw.value)
    } catch (err) {
      return fail(name, err)
    }
  }

  const fail = (name: string, err: unknown): null => {
    counters.failures++
    options.onFailure(err, name)
    return null
  }

  const accept = (name: string, flight: Flight<T>, text: string): Found<T> => {
    const known = cache.get(name)
    if (known !== undefined && (known.text === text || isNewer(known, versionOf(text)))) {
      return confirm(name, flight, known)
    }
    const read = decode(text)
    const value = read.record && prepare(read.record)
    if (!flight.isSuperseded) {
      const held = newHeld<T>(read, text, options.sizeOf(text, value))
      renew(name, flight, held)
      cache.set(name, held)
    }
    return { kind: "found", value }
  }

  const acceptAbsence = (name: string, flight: Flight<T>, marker: string | null): Answer<T> | null => {
    if (marker === null) {
      counters.incompletes++
      return null
    }
    const held = cache.get(name)
    // Tombstones are records: within its epoch a record only vanishes if Redis lost a write that we have seen.
    if (held !== undefined && Number(marker) <= held.epoch) return confirm(name, flight, held)
    if (!flight.isSuperseded) {
      cache.delete(name)
      unknown.set(name, { generation: flight.generation, expiresAtMs: now() + options.unknownTtlMs })
    }
    return MISSING
  }

  const confirm = (name: string, flight: Flight<T>, held: Held<T>): Found<T> => {
    if (!flight.isSuperseded) renew(name, flight, held)
    return foundOf(held)
  }

  const renew = (name: string, { generation }: Flight<T>, held: Held<T>) => {
    held.generation = generation
    held.readAtMs = now()
    held.expiresAtMs = held.readAtMs + options.ttlMs * (0.9 + 0.2 * random())
    held.wasAsked = false
    dueNames.add(name, held.readAtMs)
    unknown.delete(name)
  }

  const foundOf = (held: Held<T>): Found<T> => {
    if (held.hasValue) return held
    const { record } = decode(held.text)
    held.value = record && prepare(record)
    held.hasValue = true
    return held
  }

  const withoutRedis = (name: string): Answer<T> => {
    const held = cache.get(name)
    if (held !== undefined && now() - held.readAtMs <= options.staleMaxMs) {
      counters.stale++
      return foundOf(held)
    }
    counters.unavailable++
    return UNAVAILABLE
  }

  return {
    peek(name) {
      const nowMs = now()
      const held = cache.get(name)
      if (held !== undefined) {
        if (isFresh(held, nowMs)) {
          counters.hits++
          held.wasAsked = true
          return foundOf(held)
        }
        counters.unverified++
        return undefined
      }
      const absence = unknown.get(name)
      if (absence !== undefined && isFresh(absence, nowMs)) {
        counters.unknownHits++
        return MISSING
      }
      counters.misses++
      return undefined
    },
    read(name, take) {
      if (waits.isFull) {
        counters.overloads++
        return take(withoutRedis(name))
      }
      const flight = flights.get(name) ?? depart(name)
      flight.waiters.push(take)
      waits.enter()
    },
    refresh() {
      const nowMs = now()
      for (let begun = 0; begun < RECORDS_MAX && !waits.isFull; ) {
        const due = dueNames.take(nowMs)
        if (due === undefined) return
        const held = cache.peek(due.name)
        if (held?.readAtMs !== due.readAtMs || !held.wasAsked || flights.has(due.name)) continue
        depart(due.name)
        counters.refreshes++
        begun++
      }
    },
    invalidate(name, version) {
      const flight = flights.get(name)
      if (flight !== undefined) {
        flight.isSuperseded = true
        flights.delete(name)
      }
      unknown.delete(name)
      const held = cache.peek(name)
      if (held === undefined || isNewer(held, version)) return
      if (isNewer(version, held)) cache.delete(name)
      else held.expiresAtMs = 0
    },
    counters,
    get size() {
      return cache.size
    },
    get sizeBytes() {
      return cache.sizeBytes
    },
  }
}

/** Not yet read, so to say: `renew` makes it fresh. */
function newHeld<T>({ epoch, revision }: RecordVersion, text: string, sizeBytes: number): Held<T> {
  return {
    kind: "found",
    value: null,
    hasValue: false,
    generation: 0,
    expiresAtMs: 0,
    wasAsked: false,
    readAtMs: 0,
    epoch,
    revision,
    text,
    sizeBytes,
  }
}
