import { sql } from "kysely"
import type { Db } from "../../db/connect.ts"
import type { Visit } from "../../db/schema.ts"
import type { Filter } from "../../stats/filters.ts"
import { decodeCursor, encodeCursor, isTime } from "../page.ts"
import type { Range } from "../stats/calendar.ts"
import { linkNames } from "../stats/names.ts"
import type { Scope } from "../stats/scopes.ts"
import { holds, isOf } from "../stats/visits.ts"

/*
 * Single visits in the order of (at, id), page by page. A page begins after the last row that was looked at, so what arrives meanwhile shifts
 * nothing, and what was there at the start comes exactly once.
 *
 * A statement looks at a bounded number of rows in the order of an index, whatever the filters let through: however rare what is asked for,
 * it ends soon, and the next one goes on behind it. The fewer rows, the surer does Postgres walk along the index instead of sorting
 * everything (of 3 million visits in 90 partitions a page takes 2 ms, and its plan 20), so the first one is small.
 */

const SCAN_ROWS_FIRST = 1_000
const SCAN_ROWS_MAX = 20_000

export type RawVisitsQuery = {
  workspaceId: string
  scopes: Scope[]
  range: Range
  filters: Filter[]
  automated: boolean | undefined
  synthetic: boolean | undefined
}

export type VisitOrder = "newest" | "oldest"

/** Where a page ended. */
export type VisitPosition = { at: Date; id: number }

export type RawVisit = Omit<Visit, "workspaceId" | "visitor"> & {
  /** 64 bits in hexadecimal digits. */
  visitor: string | null
  /** Null for a link that Postgres does not know. */
  link: { origin: string; code: string } | null
}

export type RawVisitsPage = { visits: RawVisit[]; next: VisitPosition | null }

/** At most `limit` visits, fewer where about `scanMax` rows were looked at. There is more as long as there is a `next`. */
export async function readRawVisits(
  db: Db,
  query: RawVisitsQuery,
  order: VisitOrder,
  { after, limit, scanMax }: { after: VisitPosition | null; limit: number; scanMax: number },
): Promise<RawVisitsPage> {
  const found: ScannedVisit[] = []
  let position = after
  let scanRows = conditionsOf(query).length === 0 ? limit + 1 : SCAN_ROWS_FIRST
  for (let scanned = 0; ; scanRows = Math.min(scanRows * 4, SCAN_ROWS_MAX)) {
    const rows = await scan(db, query, order, { after: position, scanRows, limit: limit + 1 - found.length })
    found.push(...rows.filter(({ isMeant }) => isMeant))
    const last = rows.at(-1)
    const isFull = found.length > limit
    const isCut = last !== undefined && last.place === scanRows
    scanned += scanRows
    if (!isFull && isCut && scanned < scanMax) {
      position = positionOf(last)
      continue
    }
    const page = found.slice(0, limit)
    const end = isFull ? page.at(-1) : isCut ? last : undefined
    return { visits: await withLinks(db, page), next: end === undefined ? null : positionOf(end) }
  }
}

type ScannedVisit = Omit<RawVisit, "link"> & { isMeant: boolean; place: number }

/** The next rows that are meant, and the last row that was looked at, where there may be more behind it. */
async function scan(
  db: Db,
  query: RawVisitsQuery,
  order: VisitOrder,
  { after, scanRows, limit }: { after: VisitPosition | null; scanRows: number; limit: number },
): Promise<ScannedVisit[]> {
  const { range } = query
  const beyond = sql.raw(order === "newest" ? "<" : ">")
  const direction = sql.raw(order === "newest" ? "desc" : "asc")
  // Said twice: partitions are left out by the first part, rows of the same time by the second.
  const afterwards =
    after === null
      ? sql``
      : sql`and at ${beyond}= ${after.at} and (at, id) ${beyond} (${after.at}, ${after.id})`
  const { rows } = await sql<ScannedVisit>`
    select * from (
      select *, row_number() over (order by at ${direction}, id ${direction}) as place from (
        select at, id, link_id, outcome, automated, synthetic, platform, os, device, browser, language, referrer, rule,
          variant, country, region, city, isp, lpad(to_hex(visitor), 16, '0') as visitor, ${meant(query)} as is_meant
        from visits
        where ${indexed(query)} and at >= ${range.from} and at < ${range.to} ${afterwards}
        order by at ${direction}, id ${direction}
        limit ${scanRows}
      ) as scanned
    ) as placed
    where is_meant or place = ${scanRows}
    order by at ${direction}, id ${direction}
    limit ${limit}`.execute(db)
  return rows
}

/** What an index is for: a link, else the workspace. Some of a link's visits are from before Postgres knew its workspace. */
function indexed({ workspaceId, scopes }: RawVisitsQuery) {
  const link = scopes.find(({ kind }) => kind === "link")
  return isOf(link ?? { kind: "workspace", id: workspaceId })
}

function meant(query: RawVisitsQuery) {
  const conditions = conditionsOf(query)
  return conditions.length === 0 ? sql`true` : sql`(${sql.join(conditions, sql` and `)})`
}

function conditionsOf({ scopes, filters, automated, synthetic }: RawVisitsQuery) {
  return [
    ...scopes.filter(({ kind }) => kind !== "link").map(isOf),
    ...filters.map(holds),
    ...(automated === undefined ? [] : [sql`automated = ${automated}`]),
    ...(synthetic === undefined ? [] : [sql`synthetic = ${synthetic}`]),
  ]
}

async function withLinks(db: Db, rows: ScannedVisit[]): Promise<RawVisit[]> {
  const ids = [...new Set(rows.map(({ linkId }) => linkId))]
  const links = new Map((await linkNames(db, ids)).map((link) => [link.id, link]))
  return rows.map(({ isMeant: _, place: __, ...row }) => ({ ...row, link: links.get(row.linkId) ?? null }))
}

const positionOf = ({ at, id }: VisitPosition): VisitPosition => ({ at, id })

const SORTS = { newest: "-at", oldest: "at" }

export const cursorOf = ({ at, id }: VisitPosition, order: VisitOrder): string =>
  encodeCursor({ sort: SORTS[order], value: at.toISOString(), id: String(id) })

/** Throws a 422 problem for anything but a cursor of this order. */
export function positionAt(cursor: string, order: VisitOrder): VisitPosition {
  const { value, id } = decodeCursor(cursor, SORTS[order], isTime, (id) => /^\d{1,15}$/.test(id))
  return { at: new Date(String(value)), id: Number(id) }
}
