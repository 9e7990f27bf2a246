import { OUTCOMES, type Outcome } from "./decide.ts"
import type { Visitor } from "./visitor.ts"

/**
 * One visit of a known link, as the edge saw it. `referrer` is a host, `language` a tag, `rule` the name or number of the rule that
 * decided, `variant` the side of its split, `guideToken` what the guide page gave out or a visitor brought back; "" where there is none.
 */
export type RecordedVisit = {
  linkId: string
  atMs: number
  outcome: Outcome
  automated: boolean
  visitor: Visitor
  language: string
  referrer: string
  ip: string
  rule: string
  variant: string
  guideToken: string
}

/** What an instance had counted when it sealed a batch; so Postgres alone can see gaps. */
export type InstanceCounters = { accepted: number; spilled: number; dropped: number }

/** A batch is known by `instance` + `sequence` + `sealedAtMs`, and never changes once sealed. */
export type BatchHeader = {
  instance: string
  sequence: number
  sealedAtMs: number
  counters: InstanceCounters
}

export type ClickBatch = BatchHeader & { visits: RecordedVisit[] }

export type BatchWriter = {
  readonly size: number
  add(visit: RecordedVisit): void
  seal(header: BatchHeader): string
}

/**
 * The packed form: JSON, so that a stream can be read by eye; strings and visitors once a batch, a visit as ten small numbers
 * (30 to 50 bytes with the strings). Time is relative to the first visit.
 */
type Packed = {
  v: 2
  i: string
  n: number
  t: number
  c: [accepted: number, spilled: number, dropped: number]
  t0: number
  strings: string[]
  visitors: [platform: string, os: string, device: string, browser: string, id: string][]
  visits: number[]
}

const FIELDS = 10

export function createBatchWriter(): BatchWriter {
  const strings = new Map<string, number>()
  const visitors = new Map<Visitor, number>()
  const numbers: number[] = []
  let size = 0
  let firstAtMs = 0
  return {
    get size() {
      return size
    },
    add(visit) {
      if (size === 0) firstAtMs = visit.atMs
      size++
      numbers.push(
        indexOf(strings, visit.linkId),
        visit.atMs - firstAtMs,
        OUTCOMES.indexOf(visit.outcome) * 2 + (visit.automated ? 1 : 0),
        indexOf(visitors, visit.visitor),
        indexOf(strings, visit.language),
        indexOf(strings, visit.referrer),
        indexOf(strings, visit.ip),
        indexOf(strings, visit.rule),
        indexOf(strings, visit.variant),
        indexOf(strings, visit.guideToken),
      )
    },
    seal({ instance, sequence, sealedAtMs, counters }) {
      const packed: Packed = {
        v: 2,
        i: instance,
        n: sequence,
        t: sealedAtMs,
        c: [counters.accepted, counters.spilled, counters.dropped],
        t0: firstAtMs,
        strings: [...strings.keys()],
        visitors: [...visitors.keys()].map((v) => [v.platform, v.os, v.device, v.browser, v.id]),
        visits: numbers,
      }
      return JSON.stringify(packed)
    },
  }
}

/** Throws on bytes that are not a sealed batch: they can never be stored, whatever is tried. */
export function unpackBatch(sealed: string): ClickBatch {
  const packed = JSON.parse(sealed) as Partial<Packed> | null
  if (packed === null || packed.v !== 2 || !isPacked(packed)) throw new Error("not a click batch")
  const visits: RecordedVisit[] = []
  for (let at = 0; at < packed.visits.length; at += FIELDS) visits.push(readVisit(packed, at))
  const [accepted, spilled, dropped] = packed.c
  return {
    instance: packed.i,
    sequence: packed.n,
    sealedAtMs: packed.t,
    counters: { accepted, spilled, dropped },
    visits,
  }
}

function readVisit(packed: Packed, at: number): RecordedVisit {
  const number = (field: number): number => packed.visits[at + field] ?? Number.NaN
  const string = (field: number): string => present(packed.strings[number(field)])
  const flags = number(2)
  const automated = flags % 2 === 1
  const [platform, os, device, browser, id] = present(packed.visitors[number(3)])
  return {
    linkId: string(0),
    atMs: packed.t0 + number(1),
    outcome: present(OUTCOMES[Math.floor(flags / 2)]),
    automated,
    visitor: { platform, os, device, browser, automated, id } as Visitor,
    language: string(4),
    referrer: string(5),
    ip: string(6),
    rule: string(7),
    variant: string(8),
    guideToken: string(9),
  }
}

function isPacked(packed: Partial<Packed>): packed is Packed {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0
  return (
    typeof packed.i === "string" &&
    [packed.n, packed.t, packed.t0].every(isCount) &&
    Array.isArray(packed.c) &&
    packed.c.length === 3 &&
    packed.c.every(isCount) &&
    Array.isArray(packed.strings) &&
    packed.strings.every((text) => typeof text === "string") &&
    Array.isArray(packed.visitors) &&
    packed.visitors.every(isVisitor) &&
    Array.isArray(packed.visits) &&
    packed.visits.length % FIELDS === 0 &&
    packed.visits.every(Number.isSafeInteger)
  )
}

function isVisitor(visitor: unknown): boolean {
  return Array.isArray(visitor) && visitor.length === 5 && visitor.every((word) => typeof word === "string")
}

function indexOf<T>(table: Map<T, number>, value: T): number {
  const known = table.get(value)
  if (known !== undefined) return known
  table.set(value, table.size)
  return table.size - 1
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("not a click batch: an index points nowhere")
  return value
}
