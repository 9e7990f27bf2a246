import { type RawBuilder, sql } from "kysely"
import type { Db, Trx } from "../../db/connect.ts"
import { type DayFamily, type Family, LINE_BREAK } from "../../rollups.ts"
import type { Parts, RollupState } from "../../stats/parts.ts"
import { daysArray, type IntervalStart, startsArray } from "./calendar.ts"

export function readRollupState(db: Db): Promise<RollupState> {
  return db.selectFrom("rollupState").selectAll().executeTakeFirstOrThrow()
}

export type RollupsQuery = {
  scopeIds: string[]
  family: Family | DayFamily
  parts: Parts
  intervals: IntervalStart[]
}

/** Counts of a scope in one interval, by its number from 1 on: place i of all arrays is of one value. Several rows add up. */
export type RollupRow = {
  interval: number
  scopeId: string
  values: string[]
  visits: number[]
  automated: number[]
  clicks: number[]
}

/** As they lie in Postgres, which takes up to three times as long to tell values apart where intervals and values are many. */
export async function readRollups(db: Db, query: RollupsQuery): Promise<RollupRow[]> {
  const { parts, intervals } = query
  const selected: RawBuilder<unknown>[] = []
  if (parts.days !== null) {
    const { from, to } = parts.days
    const where = sql`day >= ${from}::date and day < ${to}::date`
    selected.push(
      selectFrom("day_rollups", query, sql`width_bucket(day, ${daysArray(intervals)}::date[])`, where),
    )
  }
  for (const { from, to } of parts.quarters) {
    const where = sql`bucket >= ${from} and bucket < ${to}`
    selected.push(
      selectFrom(
        "quarter_rollups",
        query,
        sql`width_bucket(bucket, ${startsArray(intervals)}::timestamptz[])`,
        where,
      ),
    )
  }
  if (selected.length === 0) return []
  const { rows } = await sql<PackedRow>`${sql.join(selected, sql` union all `)}`.execute(db)
  return rows.map(({ interval, scopeId, values, visits, automated, clicks }) => {
    const [ofVisits = [], ofAutomated = [], ofClicks = []] = JSON.parse(
      `[[${visits}],[${automated}],[${clicks}]]`,
    ) as number[][]
    return {
      ...{ interval, scopeId, values: values.split(LINE_BREAK) },
      ...{ visits: ofVisits, automated: ofAutomated, clicks: ofClicks },
    }
  })
}

type PackedRow = {
  interval: number
  scopeId: string
  values: string
  visits: string
  automated: string
  clicks: string
}

function selectFrom(
  table: "day_rollups" | "quarter_rollups",
  { scopeIds, family }: RollupsQuery,
  interval: RawBuilder<unknown>,
  where: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const rows = sql`
    from ${sql.table(table)}
    where scope_id = any(${scopeIds}::text[]) and family = ${family} and ${where}`
  // One value a row, and many rows.
  if (family === "total")
    return sql`
      select ${interval} as interval, scope_id, '' as values,
        sum(visits::bigint)::text as visits, sum(automated::bigint)::text as automated,
        sum(clicks::bigint)::text as clicks
      ${rows} group by 1, 2`
  return sql`
    select ${interval} as interval, scope_id, value as values, visits, automated, clicks ${rows}`
}

/** What is read in one transaction is of one moment: folding quarters into days meanwhile neither hides nor doubles a visit. */
export function atOneMoment<T>(db: Db, read: (trx: Trx) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(read)
}
