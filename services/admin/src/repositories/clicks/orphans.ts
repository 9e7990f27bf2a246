import type { BatchHeader, OrphanVisits } from "@qiao/core/click.ts"
import type pg from "pg"
import { localDay } from "../../local-day.ts"

type Orphan = {
  workspaceId: string
  day: string
  host: string
  path: string
  visits: number
  lastAtMs: number
}

/** Counts visits of unknown codes by their host's workspace; those of hosts that are nobody's any more are not kept. */
export async function addOrphans(
  client: pg.ClientBase,
  batches: (BatchHeader & { orphans: OrphanVisits[] })[],
  nowMs: number,
): Promise<void> {
  const hosts = new Set(batches.flatMap(({ orphans }) => orphans.map(({ host }) => host)))
  if (hosts.size === 0) return
  const { rows } = await client.query<{ host: string; workspace_id: string; time_zone: string }>(
    `select h.host, d.workspace_id, w.time_zone from domain_hosts h
     join domains d on d.id = h.domain_id join workspaces w on w.id = d.workspace_id where h.host = any($1)`,
    [[...hosts]],
  )
  const owners = new Map(rows.map((row) => [row.host, row]))
  const orphans = new Map<string, Orphan>()
  for (const batch of batches) {
    const atMs = Math.min(batch.sealedAtMs, nowMs)
    for (const { host, path, visits } of batch.orphans) {
      const owner = owners.get(host)
      if (owner === undefined) continue
      const day = localDay(atMs, owner.time_zone)
      const key = `${owner.workspace_id} ${day} ${host} ${path}`
      const known = orphans.get(key)
      const lastAtMs = Math.max(known?.lastAtMs ?? 0, atMs)
      orphans.set(key, {
        ...{ workspaceId: owner.workspace_id, day, host, path, lastAtMs },
        visits: visits + (known?.visits ?? 0),
      })
    }
  }
  await upsert(
    client,
    [...orphans].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, orphan]) => orphan),
  )
}

async function upsert(client: pg.ClientBase, orphans: Orphan[]): Promise<void> {
  if (orphans.length === 0) return
  await client.query(
    `insert into orphan_visits as o (workspace_id, day, host, path, visits, last_at)
     select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
     on conflict (workspace_id, day, host, path) do update set
       visits = o.visits + excluded.visits, last_at = greatest(o.last_at, excluded.last_at)`,
    [
      orphans.map(({ workspaceId }) => workspaceId),
      orphans.map(({ day }) => day),
      orphans.map(({ host }) => host),
      orphans.map(({ path }) => path),
      orphans.map(({ visits }) => visits),
      orphans.map(({ lastAtMs }) => new Date(lastAtMs)),
    ],
  )
}
