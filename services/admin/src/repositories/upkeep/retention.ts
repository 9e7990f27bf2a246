import type pg from "pg"
import { DAY_MS, dayOf } from "../../days.ts"
import { inTransaction } from "../transaction.ts"
import { firstOpenDay } from "./partitions.ts"

/** A visitor comes back from the guide page within minutes, or not at all. */
export const GUIDE_TOKENS_DAYS = 14
const ORPHANS_DAYS = 90
/** Of a host and day. */
const ORPHAN_PATHS_MAX = 1_000
/** Who had what erased, and when it was done. */
const ERASURES_DAYS = 365

export async function deleteGuideTokens(client: pg.ClientBase, nowMs: number): Promise<void> {
  await client.query("delete from guide_tokens where coalesce(shown_at, returned_at) < $1", [
    daysBefore(nowMs, GUIDE_TOKENS_DAYS),
  ])
}

/** Without its salt nobody can tell any more whose hash it was. */
export async function deleteSalts(client: pg.ClientBase, nowMs: number, horizonMs: number): Promise<void> {
  await client.query("delete from visitor_salts where day < $1", [firstOpenDay(nowMs, horizonMs)])
}

/** Those that said nothing since. */
export async function deleteInstances(client: pg.ClientBase, sinceMs: number): Promise<void> {
  await client.query("delete from edge_instances where last_at < $1", [new Date(sinceMs)])
}

export async function deleteOrphans(client: pg.ClientBase, nowMs: number): Promise<void> {
  await client.query("delete from orphan_visits where day < $1", [dayOf(nowMs - ORPHANS_DAYS * DAY_MS)])
}

/** Late visits of links that are gone are told from those of links that were never known, for as long as they may come. */
export async function deleteErasures(client: pg.ClientBase, nowMs: number, closedMs: number): Promise<void> {
  await client.query("delete from erased_links where erased_at < $1", [new Date(closedMs)])
  await client.query("delete from erasures where finished_at < $1", [daysBefore(nowMs, ERASURES_DAYS)])
}

type HostDay = { workspace_id: string; day: string; host: string }

/** Adds the paths beyond the most visited ones to the path "", which stands for what is not told apart. */
export async function limitOrphans(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<HostDay>(
    `select workspace_id, day::text, host from orphan_visits where path <> ''
     group by workspace_id, day, host having count(*) > $1`,
    [ORPHAN_PATHS_MAX],
  )
  for (const { workspace_id, day, host } of rows) {
    await inTransaction(client, () => limitPaths(client, [workspace_id, day, host]))
  }
}

/** Rows are locked in the order in which ingests do it: "" first. */
async function limitPaths(client: pg.ClientBase, hostDay: [string, string, string]): Promise<void> {
  await client.query(
    `insert into orphan_visits (workspace_id, day, host, path, visits, last_at) values ($1, $2, $3, '', 0, 'epoch')
     on conflict do nothing`,
    hostDay,
  )
  await client.query(
    "select from orphan_visits where workspace_id = $1 and day = $2 and host = $3 order by path for update",
    hostDay,
  )
  await client.query(
    `with removed as (
       delete from orphan_visits
       where workspace_id = $1 and day = $2 and host = $3 and path in (
         select path from orphan_visits where workspace_id = $1 and day = $2 and host = $3 and path <> ''
         order by visits desc, path offset $4
       )
       returning visits, last_at
     )
     update orphan_visits o set visits = o.visits + r.visits, last_at = greatest(o.last_at, r.last_at)
     from (select coalesce(sum(visits), 0) as visits, max(last_at) as last_at from removed) r
     where o.workspace_id = $1 and o.day = $2 and o.host = $3 and o.path = ''`,
    [...hostDay, ORPHAN_PATHS_MAX],
  )
}

const daysBefore = (nowMs: number, days: number): Date => new Date(nowMs - days * DAY_MS)
