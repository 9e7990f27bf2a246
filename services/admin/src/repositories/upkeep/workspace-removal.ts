import { codeKey } from "@qiao/core/code.ts"
import { BANS_KEY, domainKey, linkKey, ruleSetKey } from "@qiao/core/keys.ts"
import type pg from "pg"
import { DUE_CHANNEL } from "../publications.ts"
import { inTransaction } from "../transaction.ts"
import { deleteRows, eraseClicks, eraseCounts } from "./erasing.ts"

/** Links that are buried, or removed, in one transaction. */
const STEP_LINKS = 500

type LinkRow = { id: string; code: string; host: string; case_sensitive: boolean }

/** Publishes that everything a workspace serves is gone. Its codes and hosts stay known as deleted. */
export async function buryWorkspace(client: pg.ClientBase, workspaceId: string): Promise<void> {
  for await (const links of linksOf(client, workspaceId, "and l.deleted_at is null")) {
    await inTransaction(client, () => buryLinks(client, links))
  }
  await inTransaction(client, () => buryOthers(client, workspaceId))
}

async function buryLinks(client: pg.ClientBase, links: LinkRow[]): Promise<void> {
  const ids = links.map(({ id }) => id)
  // A link before its key, as those who change it do.
  await client.query("update links set deleted_at = coalesce(deleted_at, now()) where id = any($1)", [ids])
  const keys = links.map(({ host, code, case_sensitive }) => linkKey(host, codeKey(code, case_sensitive)))
  await bury(client, keys, ids)
}

async function buryOthers(client: pg.ClientBase, workspaceId: string): Promise<void> {
  const domains = await client.query<{ id: string; hosts: string[] }>(
    "select id, host || aliases as hosts from domains where workspace_id = $1 order by id for update",
    [workspaceId],
  )
  const hosts = domains.rows.flatMap((domain) => domain.hosts)
  await client.query("delete from domain_hosts where host = any($1)", [hosts])
  await bury(
    client,
    hosts.map(domainKey),
    domains.rows.map(({ id }) => id),
  )
  const ruleSets = await client.query<{ id: string }>("select id from rule_sets where workspace_id = $1", [
    workspaceId,
  ])
  const ids = ruleSets.rows.map(({ id }) => id)
  await bury(client, ids.map(ruleSetKey), ids)
}

/** Those keys that still belong to one of the subjects, in key order. */
async function bury(client: pg.ClientBase, keys: string[], subjectIds: string[]): Promise<void> {
  await client.query(
    `with held as (
       select key from publications where key = any($1) and subject_id = any($2) order by key for update
     )
     update publications p
     set subject_id = null, buried_id = subject_id, revision = revision + 1, changed_at = now()
     from held where p.key = held.key`,
    [keys, subjectIds],
  )
  await client.query("select pg_notify($1, '')", [DUE_CHANNEL])
}

/** Removes the links of a workspace with all that is known of their visits; late ones are known as theirs. */
export async function removeLinks(client: pg.ClientBase, workspaceId: string, nowMs: number): Promise<void> {
  for await (const links of linksOf(client, workspaceId)) {
    const ids = links.map(({ id }) => id)
    await eraseClicks(client, ids)
    await inTransaction(client, async () => {
      // Also one that was made by a request that was under way.
      await buryLinks(client, links)
      await client.query(
        "insert into erased_links (link_id, erased_at) select unnest($1::text[]), $2 on conflict do nothing",
        [ids, new Date(nowMs)],
      )
      await client.query("delete from links where id = any($1)", [ids])
    })
  }
}

/** Removes what is left of a workspace without links. Bans by the operator stay, as a record of what was done. */
export async function removeWorkspace(client: pg.ClientBase, workspaceId: string): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select id from tags where workspace_id = $1 union all select id from domains where workspace_id = $1",
    [workspaceId],
  )
  await eraseCounts(client, [...rows.map(({ id }) => id), workspaceId])
  for (const table of ["orphan_visits", "visitor_salts", "reports", "tags"]) {
    await deleteRows(client, table, "workspace_id", [workspaceId])
  }
  await inTransaction(client, async () => {
    // Also what was made by a request that was under way; from now on nothing can be.
    await client.query("select from workspaces where id = $1 for update", [workspaceId])
    await buryOthers(client, workspaceId)
    for (const table of ["rule_sets", "domains", "api_keys"]) {
      await client.query(`delete from ${table} where workspace_id = $1`, [workspaceId])
    }
    await client.query("delete from workspaces where id = $1", [workspaceId])
    // Last, as the ban set is the one record that everybody's bans wait for.
    await removeBans(client, workspaceId)
  })
}

async function removeBans(client: pg.ClientBase, workspaceId: string): Promise<void> {
  const { rowCount } = await client.query("delete from bans where workspace_id = $1 and not by_operator", [
    workspaceId,
  ])
  if (rowCount === 0) return
  await client.query("update publications set revision = revision + 1, changed_at = now() where key = $1", [
    BANS_KEY,
  ])
  await client.query("select pg_notify($1, '')", [DUE_CHANNEL])
}

async function* linksOf(client: pg.ClientBase, workspaceId: string, more = ""): AsyncGenerator<LinkRow[]> {
  let after = ""
  for (;;) {
    const { rows } = await client.query<LinkRow>(
      `select l.id, l.code, d.host, d.case_sensitive from links l join domains d on d.id = l.domain_id
       where l.workspace_id = $1 and l.id > $2 ${more} order by l.id limit ${STEP_LINKS}`,
      [workspaceId, after],
    )
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    after = last.id
  }
}
