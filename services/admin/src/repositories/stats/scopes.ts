import type { Db } from "../../db/connect.ts"
import { notFound } from "../../problem.ts"
import { domainOfHost } from "../domains.ts"
import { findLink, type LinkRef } from "../links.ts"

/** Whose visits are meant. */
export type Scope = { kind: "workspace" | "link" | "tag" | "domain"; id: string }

/** A workspace's link, also one that was deleted, by its id: its visits stay. */
export async function linkScope(db: Db, workspaceId: string, ref: LinkRef): Promise<Scope> {
  if (ref.by !== "id") return { kind: "link", id: (await findLink(db, workspaceId, ref)).id }
  const row = await db
    .selectFrom("links")
    .select("id")
    .where("id", "=", ref.id)
    .where("workspaceId", "=", workspaceId)
    .executeTakeFirst()
  if (row === undefined) throw notFound("link")
  return { kind: "link", id: row.id }
}

/** A tag by its id or its name. */
export async function tagScope(db: Db, workspaceId: string, tag: string): Promise<Scope> {
  const rows = await db
    .selectFrom("tags")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where((eb) => eb.or([eb("id", "=", tag), eb("name", "=", tag)]))
    .execute()
  // A tag may have the name of another one's id.
  const found = rows.find(({ id }) => id === tag) ?? rows[0]
  if (found === undefined) throw notFound("tag")
  return { kind: "tag", id: found.id }
}

/** A domain by its id, its host or an alias. */
export async function domainScope(db: Db, workspaceId: string, domain: string): Promise<Scope> {
  const found =
    (await domainOfHost(db, workspaceId, domain)) ??
    (await db
      .selectFrom("domains")
      .select("id")
      .where("workspaceId", "=", workspaceId)
      .where("id", "=", domain)
      .executeTakeFirst())
  if (found === undefined) throw notFound("domain")
  return { kind: "domain", id: found.id }
}

/** All tags, or domains, of a workspace. */
export async function scopeIdsOf(db: Db, workspaceId: string, kind: "tag" | "domain"): Promise<string[]> {
  const rows = await db
    .selectFrom(kind === "tag" ? "tags" : "domains")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .execute()
  return rows.map(({ id }) => id)
}
