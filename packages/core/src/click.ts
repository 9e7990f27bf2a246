import { OUTCOMES, type Outcome } from "./decide.ts"
import type { RecurringText } from "./recurring-text.ts"
import type { RecurringVisitor, Visitor } from "./visitor.ts"

/**
 * One visit of a known link, as the edge saw it. `synthetic`: a load test or a monitor, counted apart. `referrer` is a host, `language` a
 * tag, `rule` the name or number of the rule that decided, `variant` the side of its split, `guideToken` what the guide page gave out or
 * a visitor brought back; "" where there is none.
 */
export type RecordedVisit = {
  linkId: string
  atMs: number
  outcome: Outcome
  automated: boolean
  synthetic: boolean
  visitor: Visitor
  language: string
  referrer: string
  ip: string
  rule: string
  variant: string
  guideToken: string
}

/** A visit that is yet to be recorded; the text of `link` is the id of its link. */
export type NewVisit = Omit<RecordedVisit, "linkId" | "visitor"> & {
  link: RecurringText
  visitor: RecurringVisitor
}

/**
 * What an instance had counted when it sealed a batch, that batch included; so Postgres alone can see gaps. `spilled` are the visits
 * that lay in its spill at that time; `accepted` and `dropped` only grow.
 */
export type InstanceCounters = { accepted: number; spilled: number; dropped: number }

/**
 * A batch is known by `instance` + `sequence` + `sealedAtMs`, and never changes once sealed. Sequences begin at 0 and have no gaps.
 * `isFinal`: the instance stopped in good order, and no batch with a higher sequence follows.
 */
export type BatchHeader = {
  instance: string
  sequence: number
  sealedAtMs: number
  isFinal: boolean
  counters: InstanceCounters
}

/** Visits of codes that no link has; `path` is raw, without the query, or "" for those that are not told apart. */
export type OrphanVisits = { host: string; path: string; visits: number }

export type ClickBatch = BatchHeader & { visits: RecordedVisit[]; orphans: OrphanVisits[] }

/** Of one batch at a time. */
export type BatchWriter = {
  /** In visits of links. */
  readonly size: number
  /** True when there is neither a visit nor an orphan. */
  readonly isEmpty: boolean
  add(visit: NewVisit): void
  addOrphan(host: string, path: string): void
  /** What was added since the last one; the next batch begins. */
  seal(header: BatchHeader): string
}

/** Of a batch: what comes beyond is counted by its host. */
const ORPHAN_PATHS_MAX = 100
const ORPHAN_PATH_LENGTH_MAX = 200

/**
 * The packed form: JSON, so that a stream can be read by eye; strings, "" first, and visitors once a batch, a visit as ten small numbers
 * (30 to 50 bytes with the strings). Time is relative to the first visit.
 */
type Packed = {
  v: 4
  i: string
  n: number
  t: number
  c: [accepted: number, spilled: number, dropped: number]
  end?: 1
  t0: number
  strings: string[]
  /** Each as the text of a RecurringVisitor. */
  visitors: string[]
  visits: number[]
  orphans?: [host: string, path: string, visits: number][]
}

const FIELDS = 10

export function createBatchWriter(): BatchWriter {
  // Only the first batches make it grow: what is thrown away with each would be most of what the garbage collector has to copy.
  const numbers: number[] = []
  let open = newBatch()
  return {
    get size() {
      return open.size
    },
    get isEmpty() {
      return open.size === 0 && open.orphans.size === 0
    },
    add(visit) {
      if (open.size === 0) open.firstAtMs = visit.atMs
      let at = FIELDS * open.size++
      numbers[at++] = placeOf(visit.link, open.strings, open.number)
      numbers[at++] = visit.atMs - open.firstAtMs
      numbers[at++] =
        OUTCOMES.indexOf(visit.outcome) * 4 + (visit.synthetic ? 2 : 0) + (visit.automated ? 1 : 0)
      numbers[at++] = placeOf(visit.visitor, open.visitors, open.number)
      numbers[at++] = lookUp(visit.language, open)
      numbers[at++] = lookUp(visit.referrer, open)
      numbers[at++] = lookUp(visit.ip, open)
      numbers[at++] = lookUp(visit.rule, open)
      numbers[at++] = lookUp(visit.variant, open)
      numbers[at++] = lookUp(visit.guideToken, open)
    },
    addOrphan(host, path) {
      const { orphans } = open
      const shortPath = path.slice(0, ORPHAN_PATH_LENGTH_MAX)
      const isListed = orphans.size < ORPHAN_PATHS_MAX || orphans.has(`${host} ${shortPath}`)
      const listedPath = isListed ? shortPath : ""
      const key = `${host} ${listedPath}`
      const known = orphans.get(key)
      if (known === undefined) orphans.set(key, { host, path: listedPath, visits: 1 })
      else known.visits++
    },
    seal({ instance, sequence, sealedAtMs, isFinal, counters }) {
      const { size, firstAtMs, strings, visitors, orphans } = open
      open = newBatch()
      const packed: Packed = {
        v: 4,
        i: instance,
        n: sequence,
        t: sealedAtMs,
        c: [counters.accepted, counters.spilled, counters.dropped],
        ...(isFinal && { end: 1 as const }),
        t0: firstAtMs,
        strings,
        visitors,
        visits: numbers.slice(0, FIELDS * size),
        ...(orphans.size > 0 && {
          orphans: [...orphans.values()].map((o): [string, string, number] => [o.host, o.path, o.visits]),
        }),
      }
      return JSON.stringify(packed)
    },
  }
}

type OpenBatch = ReturnType<typeof newBatch>

let batches = 0

const newBatch = () => ({
  /** No other batch of the process has it. */
  number: ++batches,
  size: 0,
  firstAtMs: 0,
  strings: [""],
  /** Of the strings that do not know it themselves. */
  places: new Map<string, number>(),
  visitors: [] as string[],
  orphans: new Map<string, OrphanVisits>(),
})

function placeOf(recurring: RecurringText, texts: string[], batch: number): number {
  if (recurring.batch !== batch) {
    recurring.batch = batch
    recurring.place = texts.push(recurring.text) - 1
  }
  return recurring.place
}

/** Most are empty, which needs no look-up. */
function lookUp(text: string, { strings, places }: OpenBatch): number {
  if (text === "") return 0
  const known = places.get(text)
  if (known !== undefined) return known
  const place = strings.push(text) - 1
  places.set(text, place)
  return place
}

/** Throws on bytes that are not a sealed batch: they can never be stored, whatever is tried. */
export function unpackBatch(sealed: string): ClickBatch {
  const packed = JSON.parse(sealed) as Partial<Packed> | null
  if (packed === null || packed.v !== 4 || !isPacked(packed)) throw new Error("not a click batch")
  const visitors: Visitors = { people: readVisitors(packed, false), machines: readVisitors(packed, true) }
  const visits: RecordedVisit[] = []
  for (let at = 0; at < packed.visits.length; at += FIELDS) visits.push(readVisit(packed, visitors, at))
  const [accepted, spilled, dropped] = packed.c
  return {
    instance: packed.i,
    sequence: packed.n,
    sealedAtMs: packed.t,
    isFinal: packed.end === 1,
    counters: { accepted, spilled, dropped },
    visits,
    orphans: (packed.orphans ?? []).map(([host, path, visits]) => ({ host, path, visits })),
  }
}

/** Visits of one visitor share one object, as they do at the edge. */
type Visitors = { people: Visitor[]; machines: Visitor[] }

type WordsOfVisitor = [Visitor["platform"], Visitor["os"], Visitor["device"], Visitor["browser"], string]

function readVisitors(packed: Packed, automated: boolean): Visitor[] {
  return packed.visitors.map((words) => {
    const [platform, os, device, browser, id] = words.split(" ") as WordsOfVisitor
    return { platform, os, device, browser, automated, id }
  })
}

function readVisit(packed: Packed, { people, machines }: Visitors, at: number): RecordedVisit {
  const number = (field: number): number => packed.visits[at + field] ?? Number.NaN
  const string = (field: number): string => present(packed.strings[number(field)])
  const flags = number(2)
  const automated = (flags & 1) === 1
  return {
    linkId: string(0),
    atMs: packed.t0 + number(1),
    outcome: present(OUTCOMES[flags >> 2]),
    automated,
    synthetic: (flags & 2) === 2,
    visitor: present((automated ? machines : people)[number(3)]),
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
    packed.visits.every(Number.isSafeInteger) &&
    (packed.orphans === undefined || (Array.isArray(packed.orphans) && packed.orphans.every(isOrphan)))
  )
}

function isOrphan(orphan: unknown): boolean {
  if (!Array.isArray(orphan) || orphan.length !== 3) return false
  const [host, path, visits] = orphan as unknown[]
  return (
    typeof host === "string" && typeof path === "string" && Number.isSafeInteger(visits) && Number(visits) > 0
  )
}

function isVisitor(visitor: unknown): boolean {
  return typeof visitor === "string" && visitor.split(" ").length === 5
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("not a click batch: an index points nowhere")
  return value
}
