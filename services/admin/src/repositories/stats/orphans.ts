import { sql } from "kysely"
import type { Db } from "../../db/connect.ts"
import type { LocalRange } from "./calendar.ts"

export type Orphan = { host: string; path: string; visits: number; lastAt: Date }

type OrphansQuery = { workspaceId: string; range: LocalRange; host: string | null; limit: number }

/** The most visited paths that no link has, and the visits of all of them. */
export async function readOrphans(
  db: Db,
  { workspaceId, range, host, limit }: OrphansQuery,
): Promise<{ visits: number; paths: Orphan[] }> {
  const result = await sql<Orphan & { total: number }>`
    select host, path, sum(visits)::bigint as visits, max(last_at) as last_at, (sum(sum(visits)) over ())::bigint as total
    from orphan_visits
    where workspace_id = ${workspaceId} and day >= ${range.firstDay}::date and day < ${range.lastDay}::date
      and (${host}::text is null or host = ${host})
    group by host, path
    order by 3 desc, host, path
    limit ${limit}`.execute(db)
  return { visits: result.rows[0]?.total ?? 0, paths: result.rows.map(({ total: _, ...path }) => path) }
}
