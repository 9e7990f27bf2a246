import type pg from "pg"
import { LISTS, SUMS, unnested } from "../clicks/rollup-lists.ts"

/** Fewer rows of a period are read as quickly as one. */
const ROWS_MIN = 8
/** How far back periods are looked at: nearly everything is counted at once, and what comes later is few rows. */
const QUARTERS_LOOKBACK = "1 hour"
const DAYS_LOOKBACK = "2 days"

/** Makes the rows that were added to a scope's counts of the same period one, where they are many. */
export async function compactRollups(client: pg.ClientBase, nowMs: number): Promise<void> {
  await client.query(COMPACT_QUARTERS, [new Date(nowMs)])
  await client.query(COMPACT_DAYS, [new Date(nowMs)])
}

const COMPACT_QUARTERS = compact(
  "quarter_rollups",
  "bucket",
  `$1::timestamptz - interval '${QUARTERS_LOOKBACK}'`,
)
const COMPACT_DAYS = compact("day_rollups", "day", `($1::timestamptz - interval '${DAYS_LOOKBACK}')::date`)

/** In one statement: who reads sees the rows from before or the one from after. What is added up is what was removed. */
function compact(table: string, period: string, since: string): string {
  return `
    with many as materialized (
      select scope_id, family, ${period} from ${table} where not is_compact and ${period} >= ${since}
      group by 1, 2, 3 having count(*) >= ${ROWS_MIN}
    ), removed as (
      delete from ${table} r using many m
      where r.scope_id = m.scope_id and r.family = m.family and r.${period} = m.${period} and r.${period} >= ${since}
      returning r.*
    ), counted as (
      select scope_id, family, ${period}, value, ${SUMS}
      from ${unnested("removed", `scope_id, family, ${period}`)} group by 1, 2, 3, 4
    )
    insert into ${table} (scope_id, family, ${period}, is_compact, value, visits, automated, clicks)
    select scope_id, family, ${period}, true, ${LISTS} from counted group by 1, 2, 3`
}
