import type { ClickBatch, RecordedVisit } from "@qiao/core/click.ts"
import { type GuideTokenTimes, guideTokensOf } from "./guide-tokens.ts"
import type { Dimension } from "./repositories/stats.ts"
import type { VisitRow } from "./repositories/visits.ts"

/** 15 minutes: every time zone's days begin at a multiple of it. */
export const BUCKET_MS = 900_000
/** The longest a visit waits for its batch to be sealed; an older time is an edge's clock gone wrong. */
const UNSEALED_MAX_MS = 3_600_000

/** No name of a rule or of a split's side is longer. */
const NAME_LENGTH_MAX = 100

type Counts = { visits: number; clicks: number }
export type LinkCounts = Counts & { linkId: string; automated: number }
export type RollupCounts = Counts & {
  scopeId: string
  dimension: Dimension
  bucketMs: number
  value: string
  automated: boolean
}
export type InstanceCounts = {
  instance: string
  accepted: number
  spilled: number
  dropped: number
  lastAtMs: number
  stored: number
  duplicateBatches: number
  expired: number
}

export type Delivery = {
  /** Everything that came. */
  delivered: ClickBatch[]
  /** What came for the first time, to be stored. */
  fresh: ClickBatch[]
  /** What came for the first time, too late. */
  expired: ClickBatch[]
  workspaces: ReadonlyMap<string, string>
  nowMs: number
}

export type Counted = {
  rows: VisitRow[]
  links: LinkCounts[]
  rollups: RollupCounts[]
  instances: InstanceCounts[]
  guideTokens: GuideTokenTimes[]
}

/** What a delivery adds to Postgres; every list in the order of its key. */
export function countVisits({ delivered, fresh, expired, workspaces, nowMs }: Delivery): Counted {
  const rows = fresh.flatMap((batch) =>
    batch.visits.map((visit) => ({
      visit: withShortNames(visit),
      atMs: clamp(visit.atMs, batch.sealedAtMs - UNSEALED_MAX_MS, Math.min(batch.sealedAtMs, nowMs)),
      workspaceId: workspaces.get(visit.linkId) ?? null,
    })),
  )
  const links = new Map<string, LinkCounts>()
  const rollups = new Map<string, RollupCounts>()
  for (const row of rows) {
    addToLink(links, row)
    for (const scopeId of [row.visit.linkId, row.workspaceId]) {
      if (scopeId === null) continue
      addToRollup(rollups, row, scopeId, "total", "")
      addToRollup(rollups, row, scopeId, "platform", row.visit.visitor.platform)
    }
  }
  return {
    rows,
    links: inKeyOrder(links),
    rollups: inKeyOrder(rollups),
    instances: inKeyOrder(countInstances(delivered, fresh, expired, nowMs)),
    guideTokens: guideTokensOf(rows),
  }
}

function withShortNames(visit: RecordedVisit): RecordedVisit {
  const { rule, variant } = visit
  if (rule.length <= NAME_LENGTH_MAX && variant.length <= NAME_LENGTH_MAX) return visit
  return { ...visit, rule: rule.slice(0, NAME_LENGTH_MAX), variant: variant.slice(0, NAME_LENGTH_MAX) }
}

function addToLink(links: Map<string, LinkCounts>, { visit }: VisitRow): void {
  const { linkId, automated } = visit
  const counts = getOrAdd(links, linkId, () => ({ linkId, visits: 0, automated: 0, clicks: 0 }))
  counts.visits++
  if (automated) counts.automated++
  if (isClick(visit)) counts.clicks++
}

function addToRollup(
  rollups: Map<string, RollupCounts>,
  { visit, atMs }: VisitRow,
  scopeId: string,
  dimension: Dimension,
  value: string,
): void {
  const bucketMs = atMs - (atMs % BUCKET_MS)
  const { automated } = visit
  const key = `${scopeId} ${dimension} ${bucketMs} ${value} ${automated}`
  const counts = getOrAdd(rollups, key, () => ({
    scopeId,
    dimension,
    bucketMs,
    value,
    automated,
    visits: 0,
    clicks: 0,
  }))
  counts.visits++
  if (isClick(visit)) counts.clicks++
}

function countInstances(
  delivered: ClickBatch[],
  fresh: ClickBatch[],
  expired: ClickBatch[],
  nowMs: number,
): Map<string, InstanceCounts> {
  const instances = new Map<string, InstanceCounts>()
  const countsOf = ({ instance, counters, sealedAtMs }: ClickBatch): InstanceCounts => {
    const counts = getOrAdd(instances, instance, () => ({
      instance,
      accepted: 0,
      spilled: 0,
      dropped: 0,
      lastAtMs: 0,
      stored: 0,
      duplicateBatches: 0,
      expired: 0,
    }))
    counts.accepted = Math.max(counts.accepted, counters.accepted)
    counts.spilled = Math.max(counts.spilled, counters.spilled)
    counts.dropped = Math.max(counts.dropped, counters.dropped)
    counts.lastAtMs = Math.max(counts.lastAtMs, Math.min(sealedAtMs, nowMs))
    return counts
  }
  for (const batch of delivered) countsOf(batch).duplicateBatches++
  for (const batch of [...fresh, ...expired]) countsOf(batch).duplicateBatches--
  for (const batch of fresh) countsOf(batch).stored += batch.visits.length
  for (const batch of expired) countsOf(batch).expired += batch.visits.length
  return instances
}

/** A click is a human visit that ended in a redirect of the link's own. */
function isClick(visit: VisitRow["visit"]): boolean {
  return visit.outcome === "redirect" && !visit.automated
}

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}

function inKeyOrder<T>(map: Map<string, T>): T[] {
  return [...map.keys()].sort().flatMap((key) => map.get(key) ?? [])
}
