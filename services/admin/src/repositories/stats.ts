import { sql } from "kysely"
import type { Db } from "../db/connect.ts"

export const INTERVALS = ["hour", "day", "week", "month"] as const
export type Interval = (typeof INTERVALS)[number]

/** `total` has one value, "". */
export const DIMENSIONS = ["total", "platform"] as const
export type Dimension = (typeof DIMENSIONS)[number]

export type VisitsQuery = {
  /** A link's or the workspace's id. */
  scopeId: string
  dimension: Dimension
  from: Date
  to: Date
  interval: Interval
  timeZone: string
}

export type VisitCounts = { visits: number; automated: number; clicks: number }
export type VisitsRow = VisitCounts & { start: Date; value: string }

/** Counts for each interval that begins before `to`, in order; intervals without visits are there with zeros when nothing is grouped. */
export async function readVisits(db: Db, query: VisitsQuery): Promise<VisitsRow[]> {
  const { scopeId, dimension, from, to, timeZone } = query
  const interval = sql.lit(query.interval)
  // Days and longer are steps of the local calendar, hours of the clock: a local hour may come twice or not at all.
  const starts =
    query.interval === "hour"
      ? sql`select distinct date_trunc('hour', at, ${timeZone}) as start
          from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '1 millisecond', '15 minutes') as at`
      : sql`select distinct local at time zone ${timeZone} as start
          from generate_series(
            date_trunc(${interval}, ${from}::timestamptz at time zone ${timeZone}),
            ${to}::timestamptz at time zone ${timeZone},
            ${sql.lit(`1 ${query.interval}`)}
          ) as local
          where local at time zone ${timeZone} < ${to}::timestamptz`
  const result = await sql<VisitsRow>`
    with starts as (${starts}), counted as (
      select date_trunc(${interval}, bucket, ${timeZone}) as start, value,
        sum(visits)::bigint as visits,
        coalesce(sum(visits) filter (where automated), 0)::bigint as automated,
        sum(clicks)::bigint as clicks
      from visit_rollups
      where scope_id = ${scopeId} and dimension = ${dimension} and bucket >= ${from} and bucket < ${to}
      group by 1, 2
    )
    select start, coalesce(value, '') as value, coalesce(visits, 0)::bigint as visits,
      coalesce(automated, 0)::bigint as automated, coalesce(clicks, 0)::bigint as clicks
    from starts left join counted using (start)
    where value is not null or ${dimension === "total"}
    order by start, value`.execute(db)
  return result.rows
}
