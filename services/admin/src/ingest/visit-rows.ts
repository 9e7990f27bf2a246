import type { RecordedVisit } from "@qiao/core/click.ts"
import type { DetailedPlace, DetailedPlaceOf } from "@qiao/core/detailed-place.ts"
import { localDay } from "../local-day.ts"
import { copyText } from "../repositories/clicks/copy-text.ts"
import type { LinkFacts } from "../repositories/clicks/link-facts.ts"
import { BUCKET_MS } from "../rollups.ts"
import type { SealedBatch } from "./sealed-batch.ts"
import { createVisitWords, type Words } from "./visit-words.ts"
import { visitorHash } from "./visitor-hash.ts"

/** The longest a visit waits for its batch to be sealed; an older time is an edge's clock gone wrong. */
const UNSEALED_MAX_MS = 3_600_000

/** No name of a rule or of a split's side is longer. */
const NAME_LENGTH_MAX = 100

/** What all visits of a link in a quarter of an hour have in common. */
export type Quarter = {
  /** Among all of them, from 0. */
  index: number
  linkId: string
  /** Undefined for a link that Postgres does not know. */
  link: LinkFacts | undefined
  /** RFC 3339. */
  start: string
  /** Of the workspace's time zone. */
  day: string
  /** The link and its workspace, for COPY. */
  columns: string
  /** Of its visitors; null where nobody is counted. */
  salt: string | null
}

/** A visit as it is stored: without the address. */
export type VisitRow = {
  visit: RecordedVisit
  atMs: number
  quarter: Quarter
  place: DetailedPlace
  visitor: bigint | null
  words: { client: Words; place: Words; language: Words; referrer: Words; decision: Words }
}

export type RowsOf = (batch: SealedBatch) => VisitRow[]

type Options = {
  links: ReadonlyMap<string, LinkFacts>
  placeOf: DetailedPlaceOf
  /** Of one of `workspaceDays`. */
  saltOf: (workspaceId: string, day: string) => string
  nowMs: number
}

/** Makes rows of a batch's visits, without those from before their link's clicks were erased. */
export function createRowsOf({ placeOf, nowMs, ...options }: Options): RowsOf {
  const quarterOf = createQuarters({ ...options, nowMs })
  const words = createVisitWords()
  return (batch) => {
    const rows: VisitRow[] = []
    for (const recorded of batch.visits()) {
      const visit = withShortNames(recorded)
      const atMs = timeOf(visit.atMs, batch, nowMs)
      const quarter = quarterOf(visit.linkId, atMs)
      if (atMs < (quarter.link?.clicksErasedAtMs ?? 0)) continue
      const { ip, visitor } = visit
      const place = placeOf(ip)
      rows.push({
        ...{ visit, atMs, quarter, place },
        visitor: quarter.salt === null ? null : visitorHash(quarter.salt, ip, visitor.id),
        words: {
          client: words.clientOf(visitor),
          place: words.placeOf(place),
          language: words.languageOf(visit.language),
          referrer: words.referrerOf(visit.referrer),
          decision: words.decisionOf(visit.outcome, visit.rule, visit.variant),
        },
      })
    }
    return rows
  }
}

export type WorkspaceDay = { workspaceId: string; day: string }

/** The local days of all the links' workspaces on which the batches have visits. */
export function workspaceDays(
  batches: SealedBatch[],
  links: ReadonlyMap<string, LinkFacts>,
  nowMs: number,
): WorkspaceDay[] {
  const starts = new Set<number>()
  for (const batch of batches) {
    if (batch.size === 0) continue
    // They are less than a day apart.
    for (const atMs of [batch.firstAtMs, batch.lastAtMs]) starts.add(quarterStart(timeOf(atMs, batch, nowMs)))
  }
  const zones = new Map<string, string>()
  for (const link of links.values()) if (!isErased(link, nowMs)) zones.set(link.workspaceId, link.timeZone)
  return [...zones].flatMap(([workspaceId, timeZone]) => {
    const days = new Set([...starts].map((startMs) => localDay(startMs, timeZone)))
    return [...days].map((day) => ({ workspaceId, day }))
  })
}

/** Whose visits of until now are kept nowhere. */
const isErased = ({ clicksErasedAtMs }: LinkFacts, nowMs: number): boolean => (clicksErasedAtMs ?? 0) > nowMs

/** A visit's time, brought to where it can be. */
function timeOf(atMs: number, { sealedAtMs }: SealedBatch, nowMs: number): number {
  return Math.min(Math.max(atMs, sealedAtMs - UNSEALED_MAX_MS), sealedAtMs, nowMs)
}

/** People are whom uniques and guide rates are about; machines and load tests are no people. */
export const isPerson = ({ automated, synthetic }: RecordedVisit): boolean => !automated && !synthetic

type QuarterOf = (linkId: string, atMs: number) => Quarter

function createQuarters({ links, saltOf, nowMs }: Omit<Options, "placeOf">): QuarterOf {
  let count = 0
  const quarters = new Map<
    number,
    { start: string; days: Map<string, string>; links: Map<string, Quarter> }
  >()
  return (linkId, atMs) => {
    const startMs = quarterStart(atMs)
    let of = quarters.get(startMs)
    if (of === undefined) {
      of = { start: new Date(startMs).toISOString(), days: new Map(), links: new Map() }
      quarters.set(startMs, of)
    }
    const known = of.links.get(linkId)
    if (known !== undefined) return known
    const link = links.get(linkId)
    const timeZone = link?.timeZone ?? "UTC"
    const day = of.days.get(timeZone) ?? localDay(startMs, timeZone)
    of.days.set(timeZone, day)
    const columns = `${copyText(linkId)}\t${link?.workspaceId ?? "\\N"}`
    const salt = link === undefined || isErased(link, nowMs) ? null : saltOf(link.workspaceId, day)
    const quarter = { index: count++, linkId, link, start: of.start, day, columns, salt }
    of.links.set(linkId, quarter)
    return quarter
  }
}

const quarterStart = (atMs: number): number => atMs - (atMs % BUCKET_MS)

function withShortNames(visit: RecordedVisit): RecordedVisit {
  const { rule, variant } = visit
  if (rule.length <= NAME_LENGTH_MAX && variant.length <= NAME_LENGTH_MAX) return visit
  return { ...visit, rule: shortName(rule), variant: shortName(variant) }
}

const shortName = (name: string): string => name.slice(0, NAME_LENGTH_MAX).toWellFormed()
