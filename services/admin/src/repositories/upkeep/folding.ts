import type pg from "pg"
import { dayOf, daysAfter, startOf } from "../../days.ts"
import { FAMILIES, OTHER, SEPARATOR } from "../../rollups.ts"
import { LISTS, SUMS, unnested } from "../clicks/rollup-lists.ts"
import { inTransaction } from "../transaction.ts"
import { dropPartitions, partitionDays } from "./partitions.ts"

/*
 * Quarters of an hour become days. States of a day of UTC: open (visits arrive) → closed → folded (its quarters are added to day_rollups,
 * and `days_until` has moved past it) → announced (`quarters_since` has moved past it, so that nobody asks for its quarters) → dropped.
 *
 * Promise: each quarter is added once, so that days before `days_until` and quarters from then on together have every visit.
 */

/** The families of days, and what stands for the values that lose their names. */
const FAMILIES_OF_DAYS = [
  ...Object.entries(FAMILIES).map(([family, dimensions]) => ({
    family,
    other: dimensions.map(() => OTHER).join(SEPARATOR),
  })),
  { family: "link", other: OTHER },
  { family: "visitors", other: null },
  { family: "guide", other: null },
]

/** So many values of a day keep their name. */
export type ValuesMax = { ofLinks: number; ofOthers: number }

/** Folds the days that end by `closedMs`, each in a transaction, oldest first. */
export async function foldQuarters(
  client: pg.ClientBase,
  closedMs: number,
  valuesMax: ValuesMax,
): Promise<void> {
  const closed = dayOf(closedMs)
  const { daysUntil } = await readState(client)
  for (const day of await partitionDays(client, "quarter_rollups")) {
    if (day >= daysUntil && day < closed) await foldDay(client, day, valuesMax)
  }
  // Days before, or in between, that have no partition have no visits.
  await moveDaysUntil(client, closed)
}

async function foldDay(client: pg.ClientBase, day: string, valuesMax: ValuesMax): Promise<void> {
  const next = daysAfter(day, 1)
  await inTransaction(client, async () => {
    // Whoever moves it first folds the day; others wait here and find it done.
    if (!(await moveDaysUntil(client, next))) return
    await client.query(ADD_QUARTERS, [instant(day), instant(next)])
    await client.query(CLOSE_DAYS, [
      ...[instant(daysAfter(day, -1)), instant(next), instant(day)],
      ...[valuesMax.ofLinks, valuesMax.ofOthers],
      ...[FAMILIES_OF_DAYS.map(({ family }) => family), FAMILIES_OF_DAYS.map(({ other }) => other)],
    ])
  })
}

/** False when it is there already. */
async function moveDaysUntil(client: pg.ClientBase, day: string): Promise<boolean> {
  const moved = await client.query("update rollup_state set days_until = $1 where days_until < $1", [
    instant(day),
  ])
  return moved.rowCount === 1
}

/** Drops the quarters of days that were announced, and announces those before `firstKept` that are folded. */
export async function dropQuarters(client: pg.ClientBase, firstKept: string): Promise<void> {
  const { quartersSince } = await readState(client)
  // Those who still ask for what is announced now read it long before the next time.
  await dropPartitions(client, "quarter_rollups", quartersSince)
  await client.query(
    "update rollup_state set quarters_since = greatest(quarters_since, least($1, days_until))",
    [instant(firstKept)],
  )
}

/** Both lie at midnight UTC. */
async function readState(client: pg.ClientBase): Promise<{ daysUntil: string; quartersSince: string }> {
  const { rows } = await client.query<{ days_until: Date; quarters_since: Date }>(
    "select * from rollup_state",
  )
  const [state] = rows
  if (state === undefined) throw new Error("rollup_state has no row")
  return {
    daysUntil: dayOf(state.days_until.getTime()),
    quartersSince: dayOf(state.quarters_since.getTime()),
  }
}

/** The time zones of the scopes that have quarters between $1 and $2. Of scopes that are gone only unknown links are counted. */
const ZONES = `
  select s.scope_id, coalesce(w.time_zone, 'UTC') as time_zone
  from (select distinct scope_id from quarter_rollups where bucket >= $1 and bucket < $2) s
    left join links l on l.id = s.scope_id
    left join tags t on t.id = s.scope_id
    left join domains d on d.id = s.scope_id
    left join workspaces w on w.id = coalesce(l.workspace_id, t.workspace_id, d.workspace_id, s.scope_id)
  where w.id is not null or s.scope_id like 'lnk%'`

const ADD_QUARTERS = `
  with zones as materialized (${ZONES}), counted as (
    select scope_id, family, (bucket at time zone time_zone)::date as day, value, ${SUMS}
    from visit_quarters join zones using (scope_id)
    where bucket >= $1 and bucket < $2
    group by 1, 2, 3, 4
  )
  insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
  select scope_id, family, day, ${LISTS} from counted group by 1, 2, 3`

/**
 * A local day is complete once the day of UTC in which it ends is folded: those that end between $3 and $2 become a row each, in which the
 * most visited values keep their names: $4 of a link's, $5 of others'. The quarters of it begin a day before $3, at $1.
 */
const CLOSE_DAYS = `
  with zones as materialized (${ZONES}), closed as materialized (
    select d.scope_id, d.family, d.day, f.other, z.values_max
    from (select *, case when scope_id like 'lnk%' then $4::int else $5::int end as values_max from zones) z
      cross join unnest($6::text[], $7::text[]) as f (family, other)
      join day_rollups d on d.scope_id = z.scope_id and d.family = f.family
        and d.day >= ($3::timestamptz at time zone z.time_zone)::date
        and d.day < ($2::timestamptz at time zone z.time_zone)::date
    group by 1, 2, 3, 4, 5
    having count(*) > 1 or max(cardinality(string_to_array(d.visits, ','))) > z.values_max
  ), removed as (
    delete from day_rollups d using closed c
    where d.scope_id = c.scope_id and d.family = c.family and d.day = c.day
    returning d.*, c.other, c.values_max
  ), ranked as (
    select scope_id, family, day, other, values_max, value, ${SUMS},
      row_number() over (
        partition by scope_id, family, day order by value is not distinct from other, sum(visits) desc, value
      ) as rank
    from ${unnested("removed", "scope_id, family, day, other, values_max")}
    group by 1, 2, 3, 4, 5, 6
  ), named as (
    select scope_id, family, day, case when rank > values_max then coalesce(other, value) else value end as value, ${SUMS}
    from ranked group by 1, 2, 3, 4
  )
  insert into day_rollups (scope_id, family, day, is_compact, value, visits, automated, clicks)
  select scope_id, family, day, true, ${LISTS} from named group by 1, 2, 3`

const instant = (day: string): Date => new Date(startOf(day))
