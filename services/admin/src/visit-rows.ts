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

export type TimedVisit = { visit: RecordedVisit; atMs: number; quarter: Quarter }

/** A visit as it is stored: without the address. */
export type VisitRow = TimedVisit & { place: DetailedPlace; visitor: bigint | null }

/** The visits of each batch at times that can be, without those from before their link's clicks were erased. */
export function timeVisits(
  batches: ClickBatch[],
  links: ReadonlyMap<string, LinkFacts>,
  nowMs: number,
): Map<ClickBatch, TimedVisit[]> {
  const quarters = new Map<string, Map<number, Quarter>>()
  const timed = (batch: ClickBatch): TimedVisit[] => {
    const latestMs = Math.min(batch.sealedAtMs, nowMs)
    const visits: TimedVisit[] = []
    for (const visit of batch.visits) {
      const atMs = Math.min(Math.max(visit.atMs, batch.sealedAtMs - UNSEALED_MAX_MS), latestMs)
      const link = links.get(visit.linkId)
      if (link !== undefined && link.clicksErasedAtMs !== null && atMs < link.clicksErasedAtMs) continue
      const quarter = quarterOf(quarters, visit.linkId, link, atMs)
      visits.push({ visit: withShortNames(visit), atMs, quarter })
    }
    return visits
  }
  return new Map(batches.map((batch) => [batch, timed(batch)]))
}

/** `saltOf` is asked for a workspace's day. */
export function rowsOf(
  visits: TimedVisit[],
  placeOf: DetailedPlaceOf,
  saltOf: (workspaceId: string, day: string) => string,
): VisitRow[] {
  return visits.map(({ visit, atMs, quarter }) => {
    const { link, day } = quarter
    const { ip, visitor } = visit
    const hash = link === undefined ? null : visitorHash(saltOf(link.workspaceId, day), ip, visitor.id)
    return { visit, atMs, quarter, place: placeOf(ip), visitor: hash }
  })
}

/** People are whom uniques and guide rates are about; machines and load tests are no people. */
export const isPerson = ({ automated, synthetic }: RecordedVisit): boolean => !automated && !synthetic

function quarterOf(
  quarters: Map<string, Map<number, Quarter>>,
  linkId: string,
  link: LinkFacts | undefined,
  atMs: number,
): Quarter {
  let ofLink = quarters.get(linkId)
  if (ofLink === undefined) {
    ofLink = new Map()
    quarters.set(linkId, ofLink)
  }
  const startMs = atMs - (atMs % BUCKET_MS)
  const known = ofLink.get(startMs)
  if (known !== undefined) return known
  const start = new Date(startMs).toISOString()
  const quarter = { linkId, link, start, day: localDay(startMs, link?.timeZone ?? "UTC") }
  ofLink.set(startMs, quarter)
  return quarter
}

function withShortNames(visit: RecordedVisit): RecordedVisit {
  const { rule, variant } = visit
  if (rule.length <= NAME_LENGTH_MAX && variant.length <= NAME_LENGTH_MAX) return visit
  return { ...visit, rule: shortName(rule), variant: shortName(variant) }
}

const shortName = (name: string): string => name.slice(0, NAME_LENGTH_MAX).toWellFormed()
