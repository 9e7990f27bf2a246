import { type RawBuilder, sql } from "kysely"
import type { Db } from "../../db/connect.ts"
import { textArray } from "../arrays.ts"

export const INTERVALS = ["quarter", "hour", "day", "week", "month"] as const
export type Interval = (typeof INTERVALS)[number]

/** Without a beginning told: so many local days. */
export const DEFAULT_DAYS = 30

export type Range = { from: Date; to: Date }

/** A range by the calendar of a time zone. Days are as `2026-11-22`. */
export type LocalRange = Range & {
  /** The first midnight in the range or after it, and the day that begins then. */
  firstMidnight: Date
  firstDay: string
  /** The last midnight that is not after the range, and the day that begins then. */
  lastMidnight: Date
  lastDay: string
}

/** When an interval begins; `day` is the local day then, told for days and longer. */
export type IntervalStart = { start: Date; day: string }

/** The intervals are those that the range touches, in order: the first may begin before it. */
export type When = { range: LocalRange; intervals: IntervalStart[] }

type WhenQuery = {
  from: Date | undefined
  to: Date
  timeZone: string
  /** A day that is only touched is in it as a whole. */
  isWholeDays: boolean
  /** Null where the range is one. */
  interval: Interval | null
}

/**
 * A range and its intervals by the calendar, whatever the years. Each step of a query here is materialised: put into each other, as
 * Postgres would have it, the expressions take longer to plan than all the rest.
 */
export async function readWhen(db: Db, query: WhenQuery): Promise<When> {
  const { from = null, to, timeZone, isWholeDays, interval } = query
  const zone = sql`${timeZone}::text`
  const midnight = (time: RawBuilder<unknown>, days: string) =>
    instantOf(sql`date_trunc('day', ${time} at time zone ${zone}) + ${sql.lit(days)}::interval`, zone)
  const starts =
    interval === null
      ? sql`select from_at as start, to_char(first_midnight at time zone ${zone}, 'YYYY-MM-DD') as day from midnights`
      : startsOf(interval, zone)
  const { rows } = await sql<LocalRange & { starts: [startMs: number, day: string][] }>`
    with told as materialized (
      select ${to}::timestamptz as to_at,
        coalesce(${from}::timestamptz, ${midnight(sql`${to}::timestamptz`, `-${DEFAULT_DAYS} days`)}) as from_at
    ), given as materialized (
      select
        case when ${isWholeDays} then ${midnight(sql`from_at`, "0 days")} else from_at end as from_at,
        case when ${isWholeDays} then ${midnight(sql`(to_at - interval '1 millisecond')`, "1 day")} else to_at end as to_at
      from told
    ), midnights as materialized (
      select *, ${midnight(sql`to_at`, "0 days")} as last_midnight,
        case when from_at = ${midnight(sql`from_at`, "0 days")} then from_at else ${midnight(sql`from_at`, "1 day")} end as first_midnight
      from given
    ), starts as materialized (${starts})
    select from_at as "from", to_at as "to",
      first_midnight, to_char(first_midnight at time zone ${zone}, 'YYYY-MM-DD') as first_day,
      last_midnight, to_char(last_midnight at time zone ${zone}, 'YYYY-MM-DD') as last_day,
      (
        select coalesce(json_agg(json_build_array(extract(epoch from start) * 1000, day) order by start), '[]')
        from starts where start < to_at
      ) as starts
    from midnights`.execute(db)
  const { starts: found, ...range } = only(rows)
  return { range, intervals: found.map(([startMs, day]) => ({ start: new Date(startMs), day })) }
}

type Stepped = { range: Range; interval: Interval; timeZone: string }

/**
 * The range before, as long as this one: months where months are told apart from the first of one on, days where the range begins at
 * midnight, else as much time. It ends where this one begins, or, by months and days, at this one's time of day before that.
 */
export async function readPreviousRange(db: Db, { range, interval, timeZone }: Stepped): Promise<Range> {
  const zone = sql`${timeZone}::text`
  const at = (local: RawBuilder<unknown>) => instantOf(local, zone)
  const { rows } = await sql<Range>`
    with given as materialized (
      select from_at, to_at, from_at at time zone ${zone} as from_local, to_at at time zone ${zone} as to_local
      from (select ${range.from}::timestamptz as from_at, ${range.to}::timestamptz as to_at) as told
    ), steps as materialized (
      select *, case
        when from_at <> ${at(sql`date_trunc('day', from_local)`)} then null
        when ${interval === "month"} and extract(day from from_local) = 1 then make_interval(months =>
          (12 * (extract(year from to_local) - extract(year from from_local))
            + extract(month from to_local) - extract(month from from_local))::int
          + (to_local > date_trunc('month', to_local))::int)
        else make_interval(days => to_local::date - from_local::date + (to_local > date_trunc('day', to_local))::int)
        end as step
      from given
    )
    select coalesce(${at(sql`from_local - step`)}, from_at - (to_at - from_at)) as "from",
      coalesce(${at(sql`to_local - step`)}, from_at) as "to"
    from steps`.execute(db)
  return only(rows)
}

function only<T>([row]: T[]): T {
  if (row === undefined) throw new Error("a select without a table gave no row")
  return row
}

/** The number of the interval that a time of a part of their range is in, from 1 on. */
export function numberOf(
  time: RawBuilder<unknown>,
  { from }: Range,
  intervals: IntervalStart[],
): RawBuilder<number> {
  const before = intervals.findLastIndex(({ start }) => start <= from)
  const starts = textArray(intervals.slice(before).map(({ start }) => start.toISOString()))
  return sql`width_bucket(${time}, ${starts}::timestamptz[]) + ${sql.lit(before)}`
}

/** Days and longer are steps of the local calendar, hours of the clock: a local hour may come twice or not at all. */
function startsOf(interval: Interval, zone: RawBuilder<unknown>): RawBuilder<unknown> {
  const quarters = (first: RawBuilder<unknown>) =>
    sql`given cross join lateral generate_series(${first}, to_at, '15 minutes') as at`
  if (interval === "quarter") return sql`select at as start, '' as day from ${quarters(sql`from_at`)}`
  if (interval === "hour") {
    const first = sql`date_trunc('hour', from_at, ${zone})`
    return sql`select min(at) as start, '' as day from ${quarters(first)} group by date_trunc('hour', at, ${zone})`
  }
  return sql`
    select ${firstOf(sql`local`, zone)} as start, to_char(local, 'YYYY-MM-DD') as day
    from (
      select local, local at time zone ${zone} as second
      from given cross join lateral generate_series(
        date_trunc(${sql.lit(interval)}, from_at at time zone ${zone}),
        to_at at time zone ${zone},
        ${sql.lit(`1 ${interval}`)}
      ) as local
      offset 0
    ) as steps`
}

/** When a local time comes, for the first time where it comes twice: Postgres takes the second. */
function instantOf(local: RawBuilder<unknown>, zone: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(select ${firstOf(local, zone)} from (select (${local}) at time zone ${zone} as second) as instants)`
}

const firstOf = (local: RawBuilder<unknown>, zone: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  case when (second - interval '1 hour') at time zone ${zone} >= ${local} then second - interval '1 hour' else second end`
