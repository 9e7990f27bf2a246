import { type RawBuilder, sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import { type DayFamily, FAMILIES, type Family, SEPARATOR } from "../rollups.ts"
import type { Filter } from "../stats-filters.ts"
import type { Parts, RollupState } from "../stats-parts.ts"
import type { IntervalStart } from "./stats-calendar.ts"
import { type CountsRow, type Names, named, SUMS, summed } from "./stats-groups.ts"

export function readRollupState(db: Db): Promise<RollupState> {
  return db.selectFrom("rollupState").selectAll().executeTakeFirstOrThrow()
}

export type RollupsQuery = {
  scopeIds: string[]
  family: Family | DayFamily
  filters: Filter[]
  /** A dimension of the family; the scopes; or the values as they are. */
  groupBy: string | "scope" | "value" | null
  parts: Parts
  intervals: IntervalStart[]
  names: Names
}

/** Counts from rollups. Rows without visits are not there. */
export async function readRollups(db: Db, query: RollupsQuery): Promise<CountsRow[]> {
  const { parts, intervals } = query
  const days = intervals.map(({ day }) => day)
  const starts = intervals.map(({ start }) => start)
  const counted: RawBuilder<unknown>[] = []
  if (parts.days !== null) {
    const { from, to } = parts.days
    const where = sql`day >= ${from}::date and day < ${to}::date`
    counted.push(countedIn(query, "visit_days", sql`width_bucket(day, ${days}::date[])`, where))
  }
  for (const { from, to } of parts.quarters) {
    const where = sql`bucket >= ${from} and bucket < ${to}`
    counted.push(
      countedIn(query, "visit_rollups", sql`width_bucket(bucket, ${starts}::timestamptz[])`, where),
    )
  }
  if (counted.length === 0) return []
  const result = await summed(sql.join(counted, sql` union all `), query.names).execute(db)
  return result.rows
}

function countedIn(
  query: RollupsQuery,
  table: "visit_days" | "visit_rollups",
  interval: RawBuilder<unknown>,
  where: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const filters = query.filters.map((filter) => sql`and ${holds(filter, query.family)}`)
  return sql`
    select ${interval} as interval, ${named(groupOf(query), query.names)} as value, ${SUMS}
    from ${sql.table(table)}
    where scope_id = any(${query.scopeIds}::text[]) and family = ${query.family} and ${where}
      ${sql.join(filters, sql` `)}
    group by 1, 2`
}

function groupOf({ groupBy, family }: RollupsQuery): RawBuilder<unknown> {
  if (groupBy === null) return sql`''`
  if (groupBy === "scope") return sql`scope_id`
  if (groupBy === "value") return sql`value`
  return word(family, groupBy)
}

function holds({ dimension, values, isNegated }: Filter, family: Family | DayFamily): RawBuilder<unknown> {
  const isOne = sql`${word(family, dimension)} = any(${values}::text[])`
  return isNegated ? sql`not ${isOne}` : isOne
}

/** The dimension's own part of a row's value. */
function word(family: Family | DayFamily, dimension: string): RawBuilder<unknown> {
  const dimensions: readonly string[] = family in FAMILIES ? FAMILIES[family as Family] : []
  const place = dimensions.indexOf(dimension)
  if (place < 0) throw new Error(`the family ${family} has no ${dimension}`)
  return sql`split_part(value, ${SEPARATOR}, ${sql.lit(place + 1)})`
}

/**
 * The planner takes groups for many more than there are, and would sort where hashing takes half the time; compiling and starting workers
 * take longer than what they save.
 */
const SETTINGS = [
  ["work_mem", "64MB"],
  ["enable_sort", "off"],
  ["jit", "off"],
  ["max_parallel_workers_per_gather", "0"],
] as const

/** What is read in one transaction is of one moment: folding quarters into days meanwhile neither hides nor doubles a visit. */
export function atOneMoment<T>(db: Db, read: (trx: Trx) => Promise<T>): Promise<T> {
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (trx) => {
      await sql`select ${sql.join(SETTINGS.map(([name, value]) => sql`set_config(${name}, ${value}, true)`))}`.execute(
        trx,
      )
      return read(trx)
    })
}
