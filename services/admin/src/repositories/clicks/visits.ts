import type { DetailedPlaceOf } from "@qiao/core/detailed-place.ts"
import type pg from "pg"
import { type Counted, createVisitCounter, type VisitCounter } from "../../ingest/counting.ts"
import { createTokenList, type TokenList } from "../../ingest/guide-tokens.ts"
import { countInstances } from "../../ingest/instance-counting.ts"
import type { SealedBatch } from "../../ingest/sealed-batch.ts"
import type { Turns } from "../../ingest/turns.ts"
import { createRowsOf, type RowsOf, type VisitRow, workspaceDays } from "../../ingest/visit-rows.ts"
import { createVisitorList, type VisitorList } from "../../ingest/visitors.ts"
import { isErasing } from "../upkeep/erasures.ts"
import { type Clock, claimBatches, isExpired, refusedAmong } from "./click-batches.ts"
import { copyVisits } from "./copy-visits.ts"
import { addGuideTokens } from "./guide-tokens.ts"
import { addInstances } from "./instance-counts.ts"
import { linkFacts } from "./link-facts.ts"
import { addTotals } from "./link-totals.ts"
import { addOrphans } from "./orphans.ts"
import { addDays, addQuarters } from "./rollups.ts"
import { lockCounting } from "./visitor-keys.ts"
import { visitorSalts } from "./visitor-salts.ts"
import { countVisitors } from "./visitors.ts"

export type StoreOptions = Clock & {
  placeOf: DetailedPlaceOf
  /** Of all who ingest in this process: a statement that waits for a lock would run into its timeout. */
  counting: Turns
  /** Hear of every visit before it is stored. */
  listeners: RowListener[]
}

export type RowListener = { add(row: VisitRow): void }

export type Stored = {
  /** Those of links whose clicks were erased since are stored, and kept nowhere. */
  visits: number
  duplicateBatches: number
  expiredVisits: number
  /** Copies of batches that are dead-lettered. */
  refused: ReadonlySet<SealedBatch>
}

/**
 * Stores batches and all that is counted from them in one transaction: each batch once, however often it is delivered. What is only
 * added comes first, beside other ingests; what all of them change comes last, in turns, and in key order, so that nobody waits for
 * another in a circle. Throws what Postgres throws, with nothing stored.
 */
export async function storeBatches(
  client: pg.ClientBase,
  batches: SealedBatch[],
  options: StoreOptions,
): Promise<Stored> {
  const { placeOf, nowMs } = options
  // Before the transaction, as who makes a day's salt must keep nobody waiting.
  const inTime = batches.filter((batch) => !isExpired(batch, options))
  const links = await linkFacts(client, inTime)
  const saltOf = await visitorSalts(client, workspaceDays(inTime, links, nowMs))
  await client.query("begin")
  try {
    const unknown = await claimBatches(client, batches, options)
    const duplicates = batches.filter((batch) => !unknown.includes(batch))
    const fresh = unknown.filter((batch) => !isExpired(batch, options))
    const expired = unknown.filter((batch) => isExpired(batch, options))
    // What was read before may know nothing of an erasure, which waits for transactions, and for nothing before them.
    const current = (await isErasing(client)) ? await linkFacts(client, fresh) : links
    const gathered = gather()
    const rowsOf = createRowsOf({ links: current, placeOf, saltOf, nowMs })
    const listeners = [...Object.values(gathered), ...options.listeners]
    if (visitsIn(fresh) > 0) await copyVisits(client, rowsInTurn(fresh, rowsOf, listeners))
    const counted = gathered.counter.counted()
    await addQuarters(client, counted.quarters)
    const refused = await refusedAmong(client, duplicates)
    await options.counting(async () => {
      await lockCounting(client)
      await addInstances(client, countInstances(batches, fresh, expired, nowMs))
      await addOrphans(client, fresh, nowMs)
      await addCounts(client, gathered, counted)
      await client.query("commit")
    })
    return {
      visits: visitsIn(fresh),
      duplicateBatches: duplicates.length,
      expiredVisits: visitsIn(expired),
      refused,
    }
  } catch (err) {
    await client.query("rollback").catch(() => {})
    throw err
  }
}

/** What is written of visits once they are copied. */
type Gathered = { counter: VisitCounter; visitors: VisitorList; tokens: TokenList }

const gather = (): Gathered => ({
  counter: createVisitCounter(),
  visitors: createVisitorList(),
  tokens: createTokenList(),
})

/** Only a batch's rows are in memory at a time. */
function* rowsInTurn(
  batches: SealedBatch[],
  rowsOf: RowsOf,
  listeners: RowListener[],
): Generator<VisitRow[]> {
  for (const batch of batches) {
    const rows = rowsOf(batch)
    for (const listener of listeners) for (const row of rows) listener.add(row)
    yield rows
  }
}

async function addCounts(
  client: pg.ClientBase,
  { visitors, tokens }: Gathered,
  { links, days }: Counted,
): Promise<void> {
  if (links.length === 0) return
  await countVisitors(client, visitors, days)
  await addGuideTokens(client, tokens.tokens(), days)
  await addTotals(client, links)
  await addDays(client, days)
}

const visitsIn = (batches: SealedBatch[]): number => batches.reduce((sum, { size }) => sum + size, 0)
