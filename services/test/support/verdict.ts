import type { Test } from "tap"
import { check, type Findings, type Loss, NOTHING } from "./click-checker.ts"
import type { Driver } from "./driver.ts"
import type { Scope } from "./scope.ts"
import type { Testbed } from "./testbed.ts"
import { waitFor } from "./wait.ts"

/** What came, over all edges. */
export type Deliveries = { batches: number; duplicates: number; dropped: number; vanished: number }

export type Verdict = { findings: Findings; deliveries: Deliveries }

/** Ends the visits, waits until all is stored, and compares. */
export async function judge(
  scope: Scope,
  bed: Testbed,
  driver: Driver,
  losses: readonly Loss[] = [],
): Promise<Verdict> {
  await driver.stop()
  await bed.settle()
  const deliveries = await deliveriesIn(bed)
  const answered = driver.visits.filter(({ answer }) => answer !== null).length
  scope.comment(`${driver.visits.length} visits, ${answered} answered; ${JSON.stringify(deliveries)}`)
  return { findings: await check(bed.db, driver.visits, losses), deliveries }
}

/** Asserts that each visit was counted once, but for what the losses allow. */
export async function expectExact(
  t: Test,
  bed: Testbed,
  driver: Driver,
  losses: readonly Loss[] = [],
): Promise<Deliveries> {
  const { findings, deliveries } = await judge(t, bed, driver, losses)
  t.same(findings, NOTHING, "each visit is counted once, everywhere")
  t.match(await accountingOf(bed), SETTLED, "and the accounting says so")
  return deliveries
}

const SETTLED = {
  balanced: true,
  totals: { visits: { waiting: { spilled: 0, inFlight: 0 } }, batches: { missing: 0, deadLettered: 0 } },
}

async function accountingOf({ management }: Testbed): Promise<unknown> {
  const { status, text, json } = await management.api("GET", "/v1/stats/accounting")
  if (status !== 200) throw new Error(text)
  return json
}

/** Every answer was a redirect: no fault behind the edge is seen by a visitor. */
export function expectOnlyRedirects(t: Test, { visits }: Driver): void {
  const answers: Record<string, number> = {}
  for (const { answer } of visits) {
    const status = String(answer?.status ?? "none")
    answers[status] = (answers[status] ?? 0) + 1
  }
  t.same(answers, { 302: visits.length }, "every visit was answered with a redirect")
}

/** Waits until this many more visits were answered with a redirect. */
export async function moreVisits(driver: Driver, count: number): Promise<void> {
  const until = driver.redirects + count
  await waitFor(`${count} more visits`, () => driver.redirects >= until, { timeoutMs: 20_000 })
}

async function deliveriesIn({ db }: Testbed): Promise<Deliveries> {
  const { rows } = await db.query<Deliveries>(`
    select sum(batches)::int as batches, sum(duplicate_batches)::int as duplicates, sum(dropped)::int as dropped,
      (count(*) filter (where stopped_at is null))::int as vanished
    from edge_instances`)
  return rows[0] ?? { batches: 0, duplicates: 0, dropped: 0, vanished: 0 }
}
