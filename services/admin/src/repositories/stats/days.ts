import { sql } from "kysely"
import type { Db } from "../../db/connect.ts"
import type { DayFamily } from "../../rollups.ts"
import type { LocalRange } from "./calendar.ts"

export type DayCount = { day: string; value: string; visits: number }

/** What is counted by the day alone, of a range of whole days. */
export async function readDays(
  db: Db,
  scopeId: string,
  family: DayFamily,
  { firstDay, lastDay }: LocalRange,
): Promise<DayCount[]> {
  const result = await sql<DayCount>`
    select to_char(day, 'YYYY-MM-DD') as day, value, sum(visits)::float8 as visits
    from visit_days
    where scope_id = ${scopeId} and family = ${family} and day >= ${firstDay}::date and day < ${lastDay}::date
    group by 1, 2`.execute(db)
  return result.rows
}
