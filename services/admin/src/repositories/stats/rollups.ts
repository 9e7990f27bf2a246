import { type RawBuilder, sql } from "kysely"
import type { Db, Trx } from "../../db/connect.ts"
import type { MonthDay } from "../../db/schema.ts"
import { type DayFamily, type Family, LINE_BREAK } from "../../rollups.ts"
import type { Parts, RollupState } from "../../stats/parts.ts"
import { type Interval, type IntervalStart, numberOf } from "./calendar.ts"

export function readRollupState(db: Db): Promise<RollupState> {
  return db.selectFrom("rollupState").selectAll().executeTakeFirstOrThrow()
}

export type RollupsQuery = {
  scopeIds: string[]
  family: Family | DayFamily
  parts: Parts
  intervals: IntervalStart[]
  /** Null where the range is one. */
  interval: Interval | null
}

/** Counts of a scope, some of its values and some intervals. Several rows add up. */
export type RollupRow = { scopeId: string; values: string[]; periods: PeriodCounts[] }

/** Counts in one interval, by its number from 1 on: item i of each list is of the row's value at `places[i]`, or at i. */
export type PeriodCounts = {
  interval: number
  places: number[] | null
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
    selected.push(selectFrom("day_rollups", query, { day: sql`day` }, where))
    selected.push(...selectFromMonths(query, parts.days))
  }
  for (const part of parts.quarters) {
    const interval = numberOf(sql`bucket`, part, intervals)
    const where = sql`bucket >= ${part.from} and bucket < ${part.to}`
    selected.push(selectFrom("quarter_rollups", query, { interval }, where))
  }
  if (selected.length === 0) return []
  const { rows } = await sql<PackedRow>`${sql.join(selected, sql` union all `)}`.execute(db)
  const toPeriods = createToPeriods(query)
  return rows.map((row) => ({
    scopeId: row.scopeId,
    values: row.values.split(LINE_BREAK),
    periods: toPeriods(row),
  }))
}

/** Counts of all values in one interval, or from one day on, or those of each day of a month. */
type PackedRow = { scopeId: string; values: string } & (
  | (Listed & { interval: number; day: null; days: null })
  | (Listed & { day: string; days: null })
  | { days: string }
)
type Listed = { visits: string; automated: string; clicks: string }

function createToPeriods({ parts, intervals }: RollupsQuery): (row: PackedRow) => PeriodCounts[] {
  const { from, to } = parts.days ?? { from: "", to: "" }
  const beginning = new Map(intervals.map(({ day }, i) => [day, i + 1]))
  const intervalOf = (day: string) =>
    beginning.get(day) ?? intervals.findLastIndex((start) => start.day <= day) + 1
  return (row) => {
    if (row.days !== null)
      return (JSON.parse(row.days) as MonthDay[])
        .filter(({ day }) => day >= from && day < to)
        .map(({ day, ...counts }) => ({ interval: intervalOf(day), ...counts }))
    const [visits = [], automated = [], clicks = []] = JSON.parse(
      `[[${row.visits}],[${row.automated}],[${row.clicks}]]`,
    ) as number[][]
    const interval = row.day === null ? row.interval : intervalOf(row.day)
    return [{ interval, places: null, visits, automated, clicks }]
  }
}

type Period = { interval: RawBuilder<unknown> } | { day: RawBuilder<unknown> }

function selectFrom(
  table: "day_rollups" | "month_rollups" | "quarter_rollups",
  { scopeIds, family }: RollupsQuery,
  period: Period,
  where: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const begin =
    "day" in period
      ? sql`null::int as interval, to_char(${period.day}, 'YYYY-MM-DD') as day`
      : sql`${period.interval} as interval, null as day`
  const rows = sql`
    from ${sql.table(table)}
    where scope_id = any(${scopeIds}::text[]) and family = ${family} and ${where}`
  // One value a row, and many rows.
  if (family === "total")
    return sql`
      select ${begin}, scope_id, '' as values,
        sum(visits::bigint)::text as visits, sum(automated::bigint)::text as automated,
        sum(clicks::bigint)::text as clicks, null as days
      ${rows} group by 1, 2, 3`
  return sql`
    select ${begin}, scope_id, value as values, visits, automated, clicks, null as days ${rows}`
}

/** Whole months as they are where no interval begins within one, else day by day. */
function selectFromMonths(
  query: RollupsQuery,
  { from, to }: { from: string; to: string },
): RawBuilder<unknown>[] {
  const { scopeIds, family, interval } = query
  const touched = sql`month > ${from}::date - interval '1 month' and month < ${to}::date`
  const whole = sql`month >= ${from}::date and month + interval '1 month' <= ${to}::date`
  const isWhole = interval === null || interval === "month" ? whole : sql`false`
  return [
    selectFrom("month_rollups", query, { day: sql`month` }, isWhole),
    sql`
      select null::int as interval, null as day, scope_id, value as values, null as visits, null as automated, null as clicks,
        days::text
      from month_rollups
      where scope_id = any(${scopeIds}::text[]) and family = ${family} and ${touched} and not (${isWhole})`,
  ]
}

/**
 * What is read in one transaction is of one moment: folding quarters into days, or days into months, meanwhile neither hides nor doubles a
 * visit.
 */
export function atOneMoment<T>(db: Db, read: (trx: Trx) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(read)
}
