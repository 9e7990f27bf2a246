import type { ClickBatch, RecordedVisit } from "@qiao/core/click.ts"
import type { DetailedPlace, DetailedPlaceOf } from "@qiao/core/detailed-place.ts"
import { localDay } from "./local-day.ts"
import type { LinkFacts } from "./repositories/link-facts.ts"
import { BUCKET_MS } from "./rollups.ts"
import { visitorHash } from "./visitor-hash.ts"

/** The longest a visit waits for its batch to be sealed; an older time is an edge's clock gone wrong. */
const UNSEALED_MAX_MS = 3_600_000

/** No name of a rule or of a split's side is longer. */
const NAME_LENGTH_MAX = 100

/** What all visits of a link in a quarter of an hour have in common. */
export type Quarter = {
  linkId: string
  /** Undefined for a link that Postgres does not know. */
  link: LinkFacts | undefined
  /** RFC 3339. */
  start: string
  /** Of the workspace's time zone. */
  day: string
}

/** A visit as it is stored: without the address. */
export type VisitRow = {
  visit: RecordedVisit
  atMs: number
  quarter: Quarter
  place: DetailedPlace
  visitor: bigint | null
}

export type RowsOf = (batch: ClickBatch) => VisitRow[]

type Options = {
  links: ReadonlyMap<string, LinkFacts>
  placeOf: DetailedPlaceOf
  /** Of one of `workspaceDays`. */
  saltOf: (workspaceId: string, day: string) => string
  nowMs: number
}

/** Makes rows of a batch's visits, without those from before their link's clicks were erased. */
export function createRowsOf({ links, placeOf, saltOf, nowMs }: Options): RowsOf {
  const quarterOf = createQuarters()
  return (batch) => {
    const rows: VisitRow[] = []
    for (const visit of batch.visits) {
      const atMs = timeOf(visit, batch, nowMs)
      const link = links.get(visit.linkId)
      if (link !== undefined && link.clicksErasedAtMs !== null && atMs < link.clicksErasedAtMs) continue
      const quarter = quarterOf(visit.linkId, link, atMs)
      const { ip, visitor } = visit
      const salt = link === undefined ? null : saltOf(link.workspaceId, quarter.day)
      rows.push({
        ...{ visit: withShortNames(visit), atMs, quarter, place: placeOf(ip) },
        visitor: salt === null ? null : visitorHash(salt, ip, visitor.id),
      })
    }
    return rows
  }
}

export type WorkspaceDay = { workspaceId: string; day: string }

/** The local days of all the links' workspaces on which the batches have visits. */
export function workspaceDays(
  batches: ClickBatch[],
  links: ReadonlyMap<string, LinkFacts>,
  nowMs: number,
): WorkspaceDay[] {
  const starts = new Set<number>()
  for (const batch of batches) {
    let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, 0]
    for (const visit of batch.visits) {
      const atMs = timeOf(visit, batch, nowMs)
      firstMs = Math.min(firstMs, atMs)
      lastMs = Math.max(lastMs, atMs)
    }
    // They are less than a day apart.
    if (batch.visits.length > 0) starts.add(quarterStart(firstMs)).add(quarterStart(lastMs))
  }
  const zones = new Map<string, string>()
  for (const { workspaceId, timeZone, clicksErasedAtMs } of links.values())
    if (clicksErasedAtMs === null || clicksErasedAtMs <= nowMs) zones.set(workspaceId, timeZone)
  return [...zones].flatMap(([workspaceId, timeZone]) => {
    const days = new Set([...starts].map((startMs) => localDay(startMs, timeZone)))
    return [...days].map((day) => ({ workspaceId, day }))
  })
}

/** A visit's time, brought to where it can be. */
function timeOf({ atMs }: RecordedVisit, { sealedAtMs }: ClickBatch, nowMs: number): number {
  return Math.min(Math.max(atMs, sealedAtMs - UNSEALED_MAX_MS), sealedAtMs, nowMs)
}

/** People are whom uniques and guide rates are about; machines and load tests are no people. */
export const isPerson = ({ automated, synthetic }: RecordedVisit): boolean => !automated && !synthetic

type QuarterOf = (linkId: string, link: LinkFacts | undefined, atMs: number) => Quarter

function createQuarters(): QuarterOf {
  const quarters = new Map<
    number,
    { start: string; days: Map<string, string>; links: Map<string, Quarter> }
  >()
  return (linkId, link, atMs) => {
    const startMs = quarterStart(atMs)
    let of = quarters.get(startMs)
    if (of === undefined) {
      of = { start: new Date(startMs).toISOString(), days: new Map(), links: new Map() }
      quarters.set(startMs, of)
    }
    const known = of.links.get(linkId)
    if (known !== undefined) return known
    const timeZone = link?.timeZone ?? "UTC"
    const day = of.days.get(timeZone) ?? localDay(startMs, timeZone)
    of.days.set(timeZone, day)
    const quarter = { linkId, link, start: of.start, day }
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
