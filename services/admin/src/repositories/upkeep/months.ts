import type pg from "pg"
import { dayOf, daysAfter } from "../../days.ts"
import { LISTS_BY_PLACE, SUMS, unnested, unnestedDays } from "../clicks/rollup-lists.ts"
import { GUIDE_TOKENS_DAYS } from "./retention.ts"

/** What one statement folds: a few seconds' work. */
const STEP_MONTHS = 200
const STEP_ROWS = 20_000

/**
 * Folds the days of months that can get no more visits into rows by the month. Visitors return from the guide page for some days, and
 * their day may be one after that of UTC; what comes later still is added with the next folding.
 */
export async function foldMonths(client: pg.ClientBase, closedMs: number): Promise<void> {
  const before = `${daysAfter(dayOf(closedMs), -GUIDE_TOKENS_DAYS - 1).slice(0, 7)}-01`
  let folded = 1
  while (folded > 0) folded = (await client.query(FOLD_MONTHS, [before])).rowCount ?? 0
}

/** In one statement: who reads sees the days, or the months. What is added up is what was removed. */
const FOLD_MONTHS = `
  with picked as materialized (
    select distinct scope_id, date_trunc('month', day)::date as month
    from (select scope_id, day from day_rollups where day < $1 limit ${STEP_ROWS}) as found
    limit ${STEP_MONTHS}
  ), removed_days as (
    delete from day_rollups d using picked p
    where d.scope_id = p.scope_id and d.day >= p.month and d.day < (p.month + interval '1 month')::date
    returning d.*, p.month
  ), removed_months as (
    delete from month_rollups m using picked p where m.scope_id = p.scope_id and m.month = p.month
    returning m.*
  ), counted as materialized (
    select scope_id, family, month, day, value, ${SUMS}
    from (
      select * from ${unnested("removed_days", "scope_id, family, month, day")}
      union all
      select * from ${unnestedDays("removed_months", "scope_id, family, month")}
    ) as added
    group by 1, 2, 3, 4, 5
  ), named as materialized (
    select scope_id, family, month, value, ${SUMS},
      row_number() over (partition by scope_id, family, month order by value) - 1 as place
    from counted group by 1, 2, 3, 4
  ), of_values (scope_id, family, month, value, visits, automated, clicks) as (
    select scope_id, family, month, ${LISTS_BY_PLACE} from named group by 1, 2, 3
  ), of_day as (
    select scope_id, family, month, c.day, json_build_object(
      'day', c.day, 'places', to_json(array_agg(n.place)), 'visits', to_json(array_agg(c.visits)),
      'automated', to_json(array_agg(c.automated)), 'clicks', to_json(array_agg(c.clicks))
    ) as counts
    from counted c join named n using (scope_id, family, month, value)
    group by 1, 2, 3, 4
  ), of_days as (
    select scope_id, family, month, json_agg(counts order by day) as days from of_day group by 1, 2, 3
  )
  insert into month_rollups (scope_id, family, month, value, visits, automated, clicks, days)
  select * from of_values join of_days using (scope_id, family, month)`
