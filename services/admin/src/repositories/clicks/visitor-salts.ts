import { randomBytes } from "node:crypto"
import type pg from "pg"
import type { WorkspaceDay } from "../../ingest/visit-rows.ts"
import { textArray } from "../arrays.ts"

const SALT_BYTES = 16

/** The salts of workspaces' days, made where there is none yet. Not for a transaction: what is made must be everybody's at once. */
export async function visitorSalts(
  client: pg.ClientBase,
  days: WorkspaceDay[],
): Promise<(workspaceId: string, day: string) => string> {
  const salts = await findSalts(client, days)
  const missing = days.filter(({ workspaceId, day }) => !salts.has(`${workspaceId} ${day}`))
  if (missing.length > 0) {
    await addSalts(client, missing)
    // Also those that another ingest has made meanwhile.
    for (const [key, salt] of await findSalts(client, missing)) salts.set(key, salt)
  }
  return (workspaceId, day) => {
    const salt = salts.get(`${workspaceId} ${day}`)
    if (salt === undefined) throw new Error(`the salt of ${workspaceId} is gone`)
    return salt
  }
}

async function findSalts(client: pg.ClientBase, days: WorkspaceDay[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ key: string; salt: string }>({
    name: "find-salts",
    text: `
      select workspace_id || ' ' || day as key, encode(salt, 'hex') as salt
      from visitor_salts join unnest($1::text[], $2::date[]) as wanted (workspace_id, day) using (workspace_id, day)`,
    values: [textArray(days.map(({ workspaceId }) => workspaceId)), textArray(days.map(({ day }) => day))],
  })
  return new Map(rows.map(({ key, salt }) => [key, salt]))
}

async function addSalts(client: pg.ClientBase, days: WorkspaceDay[]): Promise<void> {
  const sorted = days.toSorted((a, b) => (`${a.workspaceId} ${a.day}` < `${b.workspaceId} ${b.day}` ? -1 : 1))
  await client.query(
    `insert into visitor_salts (workspace_id, day, salt)
     select * from unnest($1::text[], $2::date[], $3::bytea[]) on conflict do nothing`,
    [
      sorted.map(({ workspaceId }) => workspaceId),
      sorted.map(({ day }) => day),
      sorted.map(() => randomBytes(SALT_BYTES)),
    ],
  )
}
