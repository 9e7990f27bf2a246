import type { SelectQueryBuilder } from "kysely"
import type { Database } from "../db/schema.ts"
import { invalidField } from "../problem.ts"

/** A page of rows in the order of `sort`, and where the next one begins. */
export type Page<T> = { data: T[]; nextCursor: string | null }

export type PageRequest = { limit: number; cursor?: string | undefined }

/** Where a page ended: the sort it belongs to, the last row's sort value where that is not the id, and its id. */
export type Cursor = { sort: string; value: string | number | null; id: string }

/** Pages a table by id, that is, by creation; newest first with `-id`. */
export async function paged<Table extends keyof Database, Row extends { id: string }>(
  query: SelectQueryBuilder<Database, Table, Row>,
  { limit, cursor }: PageRequest,
  sort: "id" | "-id" = "id",
): Promise<Page<Row>> {
  const [beyond, direction] = sort === "id" ? ([">", "asc"] as const) : (["<", "desc"] as const)
  let byId = query as unknown as SelectQueryBuilder<Database, "tags", Row>
  if (cursor !== undefined) byId = byId.where("id", beyond, decodeCursor(cursor, sort, isNull).id)
  const rows = await byId
    .orderBy("id", direction)
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, (row) => ({ sort, value: null, id: row.id }))
}

/** Cuts a read of `limit + 1` rows to a page. */
export function pageOf<T>(rows: T[], limit: number, cursorOf: (row: T) => Cursor): Page<T> {
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { data, nextCursor: hasMore ? encodeCursor(cursorOf(last)) : null }
}

export function encodeCursor({ sort, value, id }: Cursor): string {
  return Buffer.from(JSON.stringify([sort, value, id])).toString("base64url")
}

export const isNull = (value: unknown): boolean => value === null

/** A time in the one form that cursors have it. */
export function isTime(value: unknown): boolean {
  if (typeof value !== "string" || !/^[1-9]/.test(value)) return false
  const date = new Date(value)
  return !Number.isNaN(date.getTime()) && date.toISOString() === value
}

/** Throws a 422 problem for anything but a cursor of a list in this order. `isValue` and `isId` know the values and ids it has. */
export function decodeCursor(
  cursor: string,
  sort: string,
  isValue: (value: unknown) => boolean,
  isId = isEntityId,
): Cursor {
  const parsed = parse(cursor)
  if (parsed === null || parsed.sort !== sort || !isValue(parsed.value) || !isId(parsed.id)) {
    const detail = "must be a nextCursor of a list with the same sort"
    throw invalidField("/cursor", "invalid_cursor", detail, "query")
  }
  return parsed
}

const isEntityId = (id: string): boolean => /^[a-z]+_[0-9a-z]{26}$/.test(id)

function parse(cursor: string): Cursor | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(cursor, "base64url").toString())
  } catch {
    return null
  }
  if (!Array.isArray(parsed) || parsed.length !== 3) return null
  const [sort, value, id] = parsed as unknown[]
  if (typeof sort !== "string" || typeof id !== "string") return null
  if (value !== null && typeof value !== "string" && !Number.isSafeInteger(value)) return null
  return { sort, value: value as string | number | null, id }
}
