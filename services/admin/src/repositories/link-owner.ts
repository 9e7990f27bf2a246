import type { Db } from "../db/connect.ts"
import type { Caller } from "./keys.ts"
import type { LinkRef } from "./links.ts"

/**
 * The workspace in which to look for a link that a caller names: their own, but for the operator, whose ids and addresses name links
 * of any workspace.
 */
export async function workspaceOfLink(
  db: Db,
  { scopes, workspaceId }: Caller,
  ref: LinkRef,
): Promise<string> {
  if (!scopes.has("operator")) return workspaceId
  switch (ref.by) {
    case "externalId":
      return workspaceId
    case "id":
      return (await ownerOfId(db, ref.id)) ?? workspaceId
    case "address":
      return (await ownerOfHost(db, ref.host)) ?? workspaceId
  }
}

async function ownerOfId(db: Db, id: string): Promise<string | undefined> {
  const row = await db.selectFrom("links").select("workspaceId").where("id", "=", id).executeTakeFirst()
  return row?.workspaceId
}

async function ownerOfHost(db: Db, host: string): Promise<string | undefined> {
  const row = await db
    .selectFrom("domainHosts as h")
    .innerJoin("domains as d", "d.id", "h.domainId")
    .select("d.workspaceId")
    .where("h.host", "=", host)
    .executeTakeFirst()
  return row?.workspaceId
}
