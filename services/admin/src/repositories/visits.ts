import type { ClickBatch } from "@qiao/core/click.ts"
import type { DetailedPlaceOf } from "@qiao/core/detailed-place.ts"
import type pg from "pg"
import { countVisits } from "../counting.ts"
import { guideTokensOf } from "../guide-tokens.ts"
import { countInstances } from "../instance-counting.ts"
import type { Turns } from "../turns.ts"
import { type Quarter, rowsOf, type TimedVisit, timeVisits, type VisitRow } from "../visit-rows.ts"
import { type Clock, claimBatches, isExpired, refusedAmong } from "./click-batches.ts"
import { copyVisits } from "./copy-visits.ts"
import { isErasing } from "./erasures.ts"
import { addGuideTokens } from "./guide-tokens.ts"
import { addInstances } from "./instance-counts.ts"
import { linkFacts } from "./link-facts.ts"
import { addTotals } from "./link-totals.ts"
import { addOrphans } from "./orphans.ts"
import { addDays, addQuarters } from "./rollups.ts"
import { visitorSalts, type WorkspaceDay } from "./visitor-salts.ts"
import { countVisitors } from "./visitors.ts"

export type StoreOptions = Clock & {
  placeOf: DetailedPlaceOf
  /** Those of all who ingest in this process, since most of them count in the same rows: who waits here blocks nobody. */
  turns: Turns
}

export type Stored = {
  /** Those of links whose clicks were erased since are stored, and kept nowhere. */
  visits: number
  duplicateBatches: number
  expiredVisits: number
  /** Copies of batches that are dead-lettered. */
  refused: ReadonlySet<ClickBatch>
  rows: VisitRow[]
}

/**
 * Stores batches and all that is counted from them in one transaction: each batch once, however often it is delivered. Every table is
 * written in key order, and tables in the order below, so that two ingests never wait for each other in a circle; what all of them
 * change comes last, in turns. Throws what Postgres throws, with nothing stored.
 */
export async function storeBatches(
  client: pg.ClientBase,
  batches: ClickBatch[],
  options: StoreOptions,
): Promise<Stored> {
  const { nowMs } = options
  const prepared = await prepareRows(client, batches, options)
  await client.query("begin")
  try {
    const unknown = await claimBatches(client, batches, options)
    const duplicates = batches.filter((batch) => !unknown.includes(batch))
    const fresh = unknown.filter((batch) => !isExpired(batch, options))
    const expired = unknown.filter((batch) => isExpired(batch, options))
    // What was prepared may know nothing of an erasure, which waits for transactions, and for nothing before them.
    const current = (await isErasing(client)) ? await prepareRows(client, fresh, options) : prepared
    const rows = fresh.flatMap((batch) => current.get(batch) ?? [])
    await copyVisits(client, rows)
    const refused = await refusedAmong(client, duplicates, options)
    await options.turns(async () => {
      await addInstances(client, countInstances(batches, fresh, expired, nowMs))
      await addOrphans(client, fresh, nowMs)
      await addCounts(client, rows)
      await client.query("commit")
    })
    return {
      visits: visitsIn(fresh),
      duplicateBatches: duplicates.length,
      expiredVisits: visitsIn(expired),
      refused,
      rows,
    }
  } catch (err) {
    await client.query("rollback").catch(() => {})
    throw err
  }
}

/** Before the transaction, as who makes a day's salt first must keep nobody waiting. */
async function prepareRows(
  client: pg.ClientBase,
  batches: ClickBatch[],
  options: StoreOptions,
): Promise<Map<ClickBatch, VisitRow[]>> {
  const inTime = batches.filter((batch) => !isExpired(batch, options))
  const linkIds = new Set<string>()
  for (const { visits } of inTime) for (const { linkId } of visits) linkIds.add(linkId)
  if (linkIds.size === 0) return new Map()
  const timed = timeVisits(inTime, await linkFacts(client, linkIds), options.nowMs)
  const saltOf = await visitorSalts(client, workspaceDays(timed.values()))
  return new Map([...timed].map(([batch, visits]) => [batch, rowsOf(visits, options.placeOf, saltOf)]))
}

function workspaceDays(batches: Iterable<TimedVisit[]>): WorkspaceDay[] {
  const quarters = new Set<Quarter>()
  for (const visits of batches) for (const { quarter } of visits) quarters.add(quarter)
  const days = new Map<string, WorkspaceDay>()
  for (const { link, day } of quarters) {
    if (link !== undefined) days.set(`${link.workspaceId} ${day}`, { workspaceId: link.workspaceId, day })
  }
  return [...days.values()]
}

async function addCounts(client: pg.ClientBase, rows: VisitRow[]): Promise<void> {
  if (rows.length === 0) return
  const { links, quarters, days } = countVisits(rows)
  await countVisitors(client, rows, days)
  await addGuideTokens(client, guideTokensOf(rows), days)
  await addTotals(client, links)
  await addDays(client, days)
  await addQuarters(client, quarters)
}

const visitsIn = (batches: ClickBatch[]): number =>
  batches.reduce((sum, { visits }) => sum + visits.length, 0)
