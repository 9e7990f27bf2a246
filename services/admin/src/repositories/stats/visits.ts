import { type RawBuilder, sql } from "kysely"
import type { Db, Trx } from "../../db/connect.ts"
import type { Filter, StatsDimension } from "../../stats/filters.ts"
import { type IntervalStart, numberOf, type Range } from "./calendar.ts"
import { type CountsRow, type Names, named, summed } from "./groups.ts"
import type { Scope } from "./scopes.ts"

/** Single visits of a range that all scopes have. */
export type VisitsOf = { workspaceId: string; scopes: Scope[]; range: Range }

export type VisitsQuery = VisitsOf & {
  filters: Filter[]
  isSynthetic: boolean
  groupBy: StatsDimension | "link" | null
  intervals: IntervalStart[]
  names: Names
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

/** For the rest of the transaction. */
export async function planForVisits(trx: Trx): Promise<void> {
  const settings = SETTINGS.map(([name, value]) => sql`set_config(${name}, ${value}, true)`)
  await sql`select ${sql.join(settings)}`.execute(trx)
}

/** How many visits have to be read to answer, counted up to `max`. */
export async function countVisits(db: Db, visits: VisitsOf, max: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (select from visits where ${areOf(visits)} limit ${max}) as read`.execute(
    db,
  )
  return rows[0]?.count ?? 0
}

/** The same counts as rollups have, from single visits. */
export async function readVisitCounts(db: Db, query: VisitsQuery): Promise<CountsRow[]> {
  const filters = query.filters.map((filter) => sql`and ${holds(filter)}`)
  const counted = sql`
    select ${numberOf(sql`at`, query.range, query.intervals)} as interval, ${named(groupOf(query), query.names)} as value, count(*) as visits,
      count(*) filter (where automated) as automated,
      count(*) filter (where outcome = 'redirect' and not automated) as clicks
    from visits
    where ${areOf(query)} and synthetic = ${query.isSynthetic} ${sql.join(filters, sql` `)}
    group by 1, 2`
  const result = await summed(counted, query.names).execute(db)
  return result.rows
}

function areOf({ workspaceId, scopes, range }: VisitsOf): RawBuilder<unknown> {
  const among = scopes.map((scope) => sql`and ${isOf(scope)}`)
  // A link's visits have its own index; some are from before Postgres knew its workspace.
  const isLink = scopes.some(({ kind }) => kind === "link")
  const ours = isLink ? sql`true` : sql`workspace_id = ${workspaceId}`
  return sql`at >= ${range.from} and at < ${range.to} and ${ours} ${sql.join(among, sql` `)}`
}

/**
 * A tag's visits are those of the links that have it now. A visit's link is looked up: a list of all of a domain's links is too much to
 * search for each visit, and where this is no condition of a join, Postgres does just that.
 */
export function isOf({ kind, id }: Scope): RawBuilder<unknown> {
  switch (kind) {
    case "workspace":
      return sql`workspace_id = ${id}`
    case "link":
      return sql`link_id = ${id}`
    case "tag":
      return sql`exists (select from link_tags t where t.link_id = visits.link_id and t.tag_id = ${id})`
    case "domain":
      return sql`exists (select from links l where l.id = visits.link_id and l.domain_id = ${id})`
    default:
      return kind satisfies never
  }
}

function groupOf({ groupBy }: VisitsQuery): RawBuilder<unknown> {
  if (groupBy === null) return sql`''`
  return groupBy === "link" ? sql`link_id` : column(groupBy)
}

export function holds({ dimension, values, isNegated }: Filter): RawBuilder<unknown> {
  const isOne = sql`${column(dimension)} = any(${values}::text[])`
  return isNegated ? sql`not ${isOne}` : isOne
}

const column = (dimension: StatsDimension): RawBuilder<unknown> =>
  sql.ref(dimension === "decision" ? "outcome" : dimension)
