import { setTimeout as delay } from "node:timers/promises"
import type pg from "pg"
import { OTHER } from "../../rollups.ts"

/** Rows that one statement deletes: a fraction of a second. */
const STEP_ROWS = 20_000
const SETTLE_POLL_MS = 50
/** A transaction that lasts longer is somebody's by hand: the rest of the upkeep does not wait for it. */
const SETTLE_MAX_MS = 600_000

/** Tables of scopes' counts, and of links' visits. */
const COUNTS = ["quarter_rollups", "day_rollups", "month_rollups"] as const

/**
 * Waits until all that was under way when this was called has ended. An ingest that has not begun to write by then reads of links what is
 * committed now. Throws when that takes too long, to be tried again.
 */
export async function settle(client: pg.ClientBase, maxMs = SETTLE_MAX_MS): Promise<void> {
  const startedAtMs = performance.now()
  // An id of its own comes after all that were given; the end of a snapshot only after all that have ended.
  const { rows } = await client.query<{ fence: string }>("select pg_current_xact_id()::text as fence")
  const isSettled = async () => {
    const answer = await client.query<{ settled: boolean }>(
      "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8 as settled",
      [rows[0]?.fence],
    )
    return answer.rows[0]?.settled === true
  }
  while (!(await isSettled())) {
    if (performance.now() - startedAtMs > maxMs)
      throw new Error("a transaction that is under way does not end")
    await delay(SETTLE_POLL_MS)
  }
}

/** Deletes what was counted of scopes: links, tags, domains, workspaces. */
export async function eraseCounts(client: pg.ClientBase, scopeIds: string[]): Promise<void> {
  for (const table of COUNTS) await deleteRows(client, table, "scope_id", scopeIds)
}

/** Deletes all visits of links and what was counted of each; its tags, domain and workspace keep their counts. */
export async function eraseClicks(client: pg.ClientBase, linkIds: string[]): Promise<void> {
  await deleteRows(client, "visits", "link_id", linkIds)
  await deleteRows(client, "guide_tokens", "link_id", linkIds)
  await deleteRows(client, "link_totals", "link_id", linkIds)
  await eraseCounts(client, linkIds)
}

/** Adds what tags, the domain and the workspace counted by a link's id to what they do not tell apart. */
export async function hideLink(client: pg.ClientBase, workspaceId: string, linkId: string): Promise<void> {
  const { rows } = await client.query<{ id: string }>(
    "select id from tags where workspace_id = $1 union all select id from domains where workspace_id = $1",
    [workspaceId],
  )
  for (const table of ["day_rollups", "month_rollups"])
    for (const scopeId of [...rows.map(({ id }) => id), workspaceId]) {
      await client.query(
        `update ${table} set value = array_to_string(array_replace(string_to_array(value, E'\\n'), $2, $3), E'\\n')
         where scope_id = $1 and family = 'link' and $2 = any(string_to_array(value, E'\\n'))`,
        [scopeId, linkId, OTHER],
      )
    }
}

/** Deletes, a bounded number at a time, the rows of a table or of its partitions whose `column` is one of `ids`. */
export async function deleteRows(
  client: pg.ClientBase,
  table: string,
  column: string,
  ids: string[],
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select relid::text as name from pg_partition_tree($1::regclass) where isleaf
     union all select relname from pg_class where oid = $1::regclass and relkind = 'r'`,
    [table],
  )
  for (const { name } of rows) {
    // Row addresses are of one partition, so that each is asked by itself.
    const step = `delete from ${name} where ctid = any(array(select ctid from ${name} where ${column} = any($1) limit ${STEP_ROWS}))`
    let deleted = STEP_ROWS
    while (deleted === STEP_ROWS) deleted = (await client.query(step, [ids])).rowCount ?? 0
  }
}
