import type { Db } from "../db/connect.ts"
import type { Report } from "../db/schema.ts"
import { newId } from "../ids.ts"
import type { Reach } from "./keys.ts"
import { type Page, type PageRequest, paged } from "./page.ts"

/** As the edge tells it. */
export type NewReport = Omit<Report, "id" | "workspaceId" | "createdAt">

/**
 * Stores each report once, however often and by however many it is brought, also of links that are banned, deleted or unknown; but for
 * those that were erased with their workspace.
 */
export async function storeReports(db: Db, reports: NewReport[]): Promise<number> {
  const erased = await erasedAmong(db, reports)
  const kept = reports.filter(({ linkId }) => !erased.has(linkId))
  if (kept.length === 0) return 0
  const workspaces = await workspacesOf(db, kept)
  const rows = kept.map((report) => {
    return { id: newId("rpt"), workspaceId: workspaces.get(report.linkId) ?? null, ...report }
  })
  const stored = await db
    .insertInto("reports")
    // In one order everywhere, so that two who store the same never wait for each other in a circle.
    .values(rows.sort((a, b) => (a.edgeId < b.edgeId ? -1 : 1)))
    .onConflict((conflict) => conflict.column("edgeId").doNothing())
    .returning("id")
    .execute()
  return stored.length
}

async function erasedAmong(db: Db, reports: NewReport[]): Promise<Set<string>> {
  if (reports.length === 0) return new Set()
  const ids = reports.map(({ linkId }) => linkId)
  const rows = await db.selectFrom("erasedLinks").select("linkId").where("linkId", "in", ids).execute()
  return new Set(rows.map(({ linkId }) => linkId))
}

async function workspacesOf(db: Db, reports: NewReport[]): Promise<Map<string, string>> {
  const ids = reports.map(({ linkId }) => linkId)
  const rows = await db.selectFrom("links").select(["id", "workspaceId"]).where("id", "in", ids).execute()
  return new Map(rows.map(({ id, workspaceId }) => [id, workspaceId]))
}

export type ReportFilter = { linkId?: string | undefined; reason?: string | undefined }

/** Newest first. */
export function listReports(
  db: Db,
  reach: Reach,
  filter: ReportFilter,
  page: PageRequest,
): Promise<Page<Report>> {
  const { linkId, reason } = filter
  let query = db.selectFrom("reports").selectAll()
  if (reach !== "instance") query = query.where("workspaceId", "=", reach)
  if (linkId !== undefined) query = query.where("linkId", "=", linkId)
  if (reason !== undefined) query = query.where("reason", "=", reason)
  return paged(query, page, "-id")
}
