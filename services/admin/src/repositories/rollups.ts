import type pg from "pg"
import { type Counts, inKeyOrder, type Tally } from "../tally.ts"
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
  if (tally.size === 0) return
  const scopeIds: string[] = []
  const families: string[] = []
  const periods: string[] = []
  const values: string[] = []
  const counts: Counts[] = []
  for (const group of inKeyOrder(tally)) {
    for (const value of [...group.values.keys()].sort()) {
      scopeIds.push(group.scopeId)
      families.push(group.family)
      periods.push(group.period)
      values.push(value)
      counts.push(group.values.get(value) ?? NOTHING)
    }
  }
  await client.query({
    name,
    text,
    values: [
      textArray(scopeIds),
      textArray(families),
      textArray(periods),
      textArray(values),
      numberArray(counts.map(({ visits }) => visits)),
      numberArray(counts.map(({ automated }) => automated)),
      numberArray(counts.map(({ clicks }) => clicks)),
    ],
  })
}

const NOTHING: Counts = { visits: 0, automated: 0, clicks: 0 }
