import { domainKey } from "@qiao/core/keys.ts"
import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import type { Erasure, Workspace } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { notFound, Problem } from "../problem.ts"
import { type Page, type PageRequest, paged } from "./page.ts"
import { type Publication, touchKey } from "./publications.ts"
import { requestErasure } from "./upkeep/erasures.ts"

export type WorkspacePatch = Partial<Pick<Workspace, "name" | "timeZone" | "brand" | "wechatSignatureUrl">>

export function listWorkspaces(db: Db, page: PageRequest): Promise<Page<Workspace>> {
  return paged(existing(db), page)
}

export async function findWorkspace(db: Db, id: string): Promise<Workspace> {
  return found(await byId(db, id).executeTakeFirst())
}

export async function lockWorkspace(trx: Trx, id: string): Promise<Workspace> {
  return found(await byId(trx, id).forUpdate().executeTakeFirst())
}

export function createWorkspace(
  trx: Trx | Db,
  values: WorkspacePatch & Pick<Workspace, "name" | "timeZone">,
): Promise<Workspace> {
  return trx
    .insertInto("workspaces")
    .values({ id: newId("ws"), ...columnsOf(values) })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Changes a workspace that the caller locked. What its domains' records tell of it is published with each of them. */
export async function updateWorkspace(
  trx: Trx,
  { id }: Workspace,
  patch: WorkspacePatch,
): Promise<{ workspace: Workspace; publications: Publication[] }> {
  const workspace = await trx
    .updateTable("workspaces")
    .set((eb) => ({ ...columnsOf(patch), version: eb("version", "+", 1), updatedAt: eb.fn<Date>("now", []) }))
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow()
  const isPublished = patch.brand !== undefined || patch.wechatSignatureUrl !== undefined
  return { workspace, publications: isPublished ? await touchDomains(trx, id) : [] }
}

/**
 * Deletes a workspace that the caller locked: at once for those who hold its keys, for everybody else as fast as the erasure goes. One
 * that has domains, or links that are not deleted, is deleted only with `everything`.
 */
export async function deleteWorkspace(
  trx: Trx,
  { id }: Workspace,
  { everything, requestedBy }: { everything: boolean; requestedBy: string },
): Promise<Erasure> {
  if (!everything && (await hasAnything(trx, id))) {
    const detail = "It has domains or links: send everything=true to delete them, with all that was counted."
    throw new Problem(409, "workspace_not_empty", detail)
  }
  await trx.updateTable("workspaces").set({ deletedAt: sql`now()` }).where("id", "=", id).execute()
  await trx.deleteFrom("apiKeys").where("workspaceId", "=", id).execute()
  return requestErasure(trx, { kind: "workspace", subjectId: id, workspaceId: id, requestedBy })
}

async function hasAnything(trx: Trx, id: string): Promise<boolean> {
  const domain = trx.selectFrom("domains").select("id").where("workspaceId", "=", id)
  const link = trx
    .selectFrom("links")
    .select("id")
    .where("workspaceId", "=", id)
    .where("deletedAt", "is", null)
  return (await domain.unionAll(link).limit(1).executeTakeFirst()) !== undefined
}

/**
 * As the workspace is locked, it gets no new domain meanwhile. Its domains are locked as well, before their keys, which is how a change of
 * a domain does it; links can still be made on them.
 */
async function touchDomains(trx: Trx, workspaceId: string): Promise<Publication[]> {
  const domains = await trx
    .selectFrom("domains")
    .select(["host", "aliases"])
    .where("workspaceId", "=", workspaceId)
    .orderBy("id")
    .forNoKeyUpdate()
    .execute()
  const keys = domains.flatMap(({ host, aliases }) => [host, ...aliases].map(domainKey))
  const publications: Publication[] = []
  for (const key of keys.sort()) publications.push(await touchKey(trx, key))
  return publications
}

function columnsOf<T extends WorkspacePatch>({ brand, ...columns }: T) {
  return { ...columns, ...(brand !== undefined && { brand: brand && JSON.stringify(brand) }) }
}

/** Throws SQLSTATE 22023 for a zone that Postgres, which cuts the days, does not know. */
export async function checkTimeZone(trx: Trx, timeZone: string): Promise<void> {
  await sql`select now() at time zone ${timeZone}`.execute(trx)
}

const existing = (db: Db) => db.selectFrom("workspaces").selectAll().where("deletedAt", "is", null)

const byId = (db: Db, id: string) => existing(db).where("id", "=", id)

function found(workspace: Workspace | undefined): Workspace {
  if (workspace === undefined) throw notFound("workspace")
  return workspace
}
