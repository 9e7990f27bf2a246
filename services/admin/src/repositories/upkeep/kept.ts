import { sql } from "kysely"
import type { Db } from "../../db/connect.ts"

/** Times between which Postgres has visits, or takes them, and by which quarters of an hour became days. */
export type Kept = { visitsSince: Date; visitsUntil: Date; quartersSince: Date; daysUntil: Date }

export async function readKept(db: Db): Promise<Kept> {
  const { rows } = await sql<Kept>`
    select min(day) as visits_since, max(day) + interval '1 day' as visits_until, quarters_since, days_until
    from rollup_state, (
      select to_date(right(relname, 8), 'YYYYMMDD')::timestamp at time zone 'UTC' as day
      from pg_inherits join pg_class on oid = inhrelid where inhparent = 'visits'::regclass
    ) as partitions
    group by quarters_since, days_until`.execute(db)
  const [kept] = rows
  if (kept === undefined) throw new Error("visits has no partitions")
  return kept
}
