import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import type { Workspace } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { notFound } from "../problem.ts"
import { type Page, type PageRequest, paged } from "./page.ts"

export function listWorkspaces(db: Db, page: PageRequest): Promise<Page<Workspace>> {
  return paged(db.selectFrom("workspaces").selectAll(), page)
}

export async function findWorkspace(db: Db, id: string): Promise<Workspace> {
  return found(await byId(db, id).executeTakeFirst())
}

export async function lockWorkspace(trx: Trx, id: string): Promise<Workspace> {
  return found(await byId(trx, id).forUpdate().executeTakeFirst())
}

export function createWorkspace(
  trx: Trx | Db,
  values: Pick<Workspace, "name" | "timeZone">,
): Promise<Workspace> {
  return trx
    .insertInto("workspaces")
    .values({ id: newId("ws"), ...values })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Changes a workspace that the caller locked. */
export function updateWorkspace(
  trx: Trx,
  workspace: Workspace,
  patch: { name?: string; timeZone?: string },
): Promise<Workspace> {
  return trx
    .updateTable("workspaces")
    .set((eb) => ({ ...patch, version: eb("version", "+", 1), updatedAt: eb.fn<Date>("now", []) }))
    .where("id", "=", workspace.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Throws SQLSTATE 22023 for a zone that Postgres, which cuts the days, does not know. */
export async function checkTimeZone(trx: Trx, timeZone: string): Promise<void> {
  await sql`select now() at time zone ${timeZone}`.execute(trx)
}

const byId = (db: Db, id: string) => db.selectFrom("workspaces").selectAll().where("id", "=", id)

function found(workspace: Workspace | undefined): Workspace {
  if (workspace === undefined) throw notFound("workspace")
  return workspace
}
