import type pg from "pg"
import { inKeyOrder, type Tally } from "../tally.ts"
import { numberArray, textArray } from "./arrays.ts"

/** What lies in visit_rollups, and in visit_days. */
export async function addQuarters(client: pg.ClientBase, tally: Tally): Promise<void> {
  await addCounts(client, "add-quarters", ADD_QUARTERS, tally)
}

export async function addDays(client: pg.ClientBase, tally: Tally): Promise<void> {
  await addCounts(client, "add-days", ADD_DAYS, tally)
}

const ADD_QUARTERS = addTo("visit_rollups", "bucket", "timestamptz")
const ADD_DAYS = addTo("visit_days", "day", "date")

function addTo(table: string, period: string, type: string): string {
  return `
    insert into ${table} as r (scope_id, family, ${period}, value, visits, automated, clicks)
    select * from unnest($1::text[], $2::text[], $3::${type}[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
    on conflict (scope_id, family, ${period}, value) do update set
      visits = r.visits + excluded.visits, automated = r.automated + excluded.automated, clicks = r.clicks + excluded.clicks`
}

async function addCounts(client: pg.ClientBase, name: string, text: string, tally: Tally): Promise<void> {
  if (tally.size > 0) await client.query({ name, text, values: columnsOf(tally) })
}

function columnsOf(tally: Tally): string[] {
  const scopeIds: string[] = []
  const families: string[] = []
  const periods: string[] = []
  const values: string[] = []
  const visits: number[] = []
  const automated: number[] = []
  const clicks: number[] = []
  for (const group of inKeyOrder(tally)) {
    for (const [value, counts] of [...group.values].sort(([a], [b]) => (a < b ? -1 : 1))) {
      scopeIds.push(group.scopeId)
      families.push(group.family)
      periods.push(group.period)
      values.push(value)
      visits.push(counts.visits)
      automated.push(counts.automated)
      clicks.push(counts.clicks)
    }
  }
  return [
    ...[scopeIds, families, periods, values].map(textArray),
    ...[visits, automated, clicks].map(numberArray),
  ]
}
