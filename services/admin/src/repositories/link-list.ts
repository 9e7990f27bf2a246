import type { Platform } from "@qiao/core/platform.ts"
import { sql } from "kysely"
import type { Db } from "../db/connect.ts"
import type { LinkStatus } from "../db/schema.ts"
import { type LinkRow, selectLinks, statusOf } from "./links.ts"
import { decodeCursor, isNull, isTime, type Page, type PageRequest, pageOf } from "./page.ts"

export const LINK_SORTS = ["-createdAt", "createdAt", "-updatedAt", "updatedAt", "-clicks", "clicks"] as const
export type LinkSort = (typeof LINK_SORTS)[number]

export type LinkFilter = {
  search?: string | undefined
  tag?: string | undefined
  domain?: string | undefined
  /** The id of the rule set they use. */
  ruleSet?: string | undefined
  status?: LinkStatus | undefined
  /** Links that treat this platform on its own: by a guide page or an allow list. */
  platform?: Platform | undefined
}

/** Keyset paging: a page begins after the last row of the one before, so rows added meanwhile shift nothing. */
export async function listLinks(
  db: Db,
  workspaceId: string,
  filter: LinkFilter,
  sort: LinkSort,
  page: PageRequest,
): Promise<Page<LinkRow>> {
  const { column, cursorValue, isCursorValue } = SORTS[sort.replace("-", "") as SortField]
  const isDescending = sort.startsWith("-")
  const direction = isDescending ? "desc" : "asc"
  let query = filtered(db, workspaceId, filter)
  if (page.cursor !== undefined) {
    const { value, id } = decodeCursor(page.cursor, sort, isCursorValue)
    const beyond = sql.raw(isDescending ? "<" : ">")
    query = query.where(
      column === null
        ? sql<boolean>`l.id ${beyond} ${id}`
        : sql<boolean>`(${column}, l.id) ${beyond} (${value}, ${id})`,
    )
  }
  if (column !== null) query = query.orderBy(column, direction)
  const rows = await query
    .orderBy("l.id", direction)
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => ({ sort, value: cursorValue(row), id: row.id }))
}

type SortField = "createdAt" | "updatedAt" | "clicks"

/** Ids sort by creation, so `createdAt` needs no column of its own. */
const SORTS = {
  createdAt: { column: null, cursorValue: () => null, isCursorValue: isNull },
  updatedAt: {
    column: sql`l.updated_at`,
    cursorValue: (row: LinkRow) => row.updatedAt.toISOString(),
    isCursorValue: isTime,
  },
  clicks: {
    column: sql`coalesce(t.clicks, 0)`,
    cursorValue: (row: LinkRow) => row.clicks,
    isCursorValue: Number.isSafeInteger,
  },
}

function filtered(db: Db, workspaceId: string, filter: LinkFilter) {
  const { search, tag, domain, ruleSet, status, platform } = filter
  let query = selectLinks(db).where("l.workspaceId", "=", workspaceId)
  if (search !== undefined) {
    const pattern = `%${search.replaceAll(/[\\%_]/g, "\\$&")}%`
    query = query.where((eb) =>
      eb.or([eb("l.code", "ilike", pattern), eb("l.url", "ilike", pattern), eb("l.title", "ilike", pattern)]),
    )
  }
  if (tag !== undefined) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom("linkTags as lt")
          .innerJoin("tags", "tags.id", "lt.tagId")
          .select("lt.linkId")
          .whereRef("lt.linkId", "=", "l.id")
          .where("tags.name", "=", tag),
      ),
    )
  }
  if (domain !== undefined) query = query.where("d.host", "=", domain)
  if (ruleSet !== undefined) query = query.where("l.ruleSetId", "=", ruleSet)
  if (status !== undefined) query = query.where(statusOf, "=", status)
  if (platform !== undefined) {
    query = query.where(
      sql<boolean>`${platform} = any(l.guide_platforms || coalesce(l.allow_platforms, '{}'))`,
    )
  }
  return query
}
