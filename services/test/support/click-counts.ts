import { BUCKET_MS, FAMILIES } from "../../admin/src/rollups.ts"
import type { Queries } from "./queries.ts"

/*
 * Everything that is counted of visits, worked out anew from the single visits and compared with what stands in Postgres, value by value.
 */

/** Lines that tell where the two differ; none when all ways of counting say the same. */
export async function contradictionsIn(db: Queries): Promise<string[]> {
  const comparisons = [
    totals,
    ...Object.entries(FAMILIES).map(([family, dimensions]) => rollups(family, dimensions)),
    linksByDay,
    visitorsByDay,
  ]
  const found: string[] = []
  for (const { what, expected, actual } of comparisons) {
    const { rows } = await db.query<{ row: unknown }>(`
      with expected as (${expected}), actual as (${actual})
      (select 'missing: ' || row_to_json(e) as row from (table expected except all table actual) e limit 3)
      union all
      (select 'in excess: ' || row_to_json(a) as row from (table actual except all table expected) a limit 3)`)
    found.push(...rows.map(({ row }) => `${what} ${row}`))
  }
  return found
}

type Comparison = { what: string; expected: string; actual: string }

const COUNTS = `count(*) as visits, count(*) filter (where automated) as automated,
  count(*) filter (where outcome = 'redirect' and not automated) as clicks`

const SUMS = "sum(visits) as visits, sum(automated) as automated, sum(clicks) as clicks"

/** A visit once for each scope it counts in, with the day of its workspace. */
const SCOPED = `
  select v.*, scope_id, (v.at at time zone w.time_zone)::date as day
  from visits v join links l on l.id = v.link_id join workspaces w on w.id = l.workspace_id
  cross join lateral (
    values (v.link_id), (v.workspace_id), (l.domain_id)
    union all select tag_id from link_tags t where t.link_id = v.link_id
  ) as scopes (scope_id)`

const totals: Comparison = {
  what: "totals",
  expected: `select link_id, synthetic, ${COUNTS} from visits group by 1, 2`,
  actual: `select link_id, false as synthetic, visits, automated, clicks from link_totals where visits > 0
    union all select link_id, true, synthetic, 0, 0 from link_totals where synthetic > 0`,
}

function rollups(family: string, dimensions: readonly string[]): Comparison {
  const columns = dimensions.map((dimension) => (dimension === "decision" ? "outcome" : dimension))
  return {
    what: family,
    expected: `
      select scope_id, date_bin('${BUCKET_MS} milliseconds', at, '2000-01-01Z') as bucket,
        concat_ws(E'\\t', ${["null", ...columns]}) as value, ${COUNTS}
      from (${SCOPED}) v where synthetic = ${family === "synthetic"} group by 1, 2, 3`,
    actual: `select scope_id, bucket, value, ${SUMS} from visit_quarters where family = '${family}' group by 1, 2, 3`,
  }
}

const linksByDay: Comparison = {
  what: "links by day",
  expected: `select scope_id, day, link_id as value, ${COUNTS} from (${SCOPED}) v
    where not synthetic and scope_id <> link_id group by 1, 2, 3`,
  actual: `select scope_id, day, value, ${SUMS} from visit_days where family = 'link' group by 1, 2, 3`,
}

const visitorsByDay: Comparison = {
  what: "visitors by day",
  expected: `select scope_id, day, count(distinct visitor) as visits from (${SCOPED}) v
    where not synthetic and not automated and scope_id in (link_id, workspace_id) group by 1, 2`,
  actual:
    "select scope_id, day, sum(visits) as visits from visit_days where family = 'visitors' group by 1, 2",
}
