import { text, time, timeZone } from "@qiao/core/fields.ts"
import type { FastifyInstance } from "fastify"
import { invalid } from "../../problem.ts"
import { DEFAULT_DAYS, type Interval, type Range } from "../../repositories/stats/calendar.ts"
import { domainScope, linkScope, type Scope, tagScope } from "../../repositories/stats/scopes.ts"
import { findWorkspace } from "../../repositories/workspaces.ts"
import { BUCKET_MS } from "../../rollups.ts"
import { inQuery } from "../../stats/question.ts"
import { linkRef } from "../link-ref.ts"

const HOUR_MS = 3_600_000
const LENGTH_MS: Record<Interval, number> = {
  quarter: BUCKET_MS,
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  week: 168 * HOUR_MS,
  month: 672 * HOUR_MS,
}

/** When. */
export const rangeFields = {
  from: time
    .optional()
    .describe("Taken down to a quarter of an hour. Default: midnight, 30 days before the day of `to`"),
  to: time.optional().describe("Exclusive, taken up to a quarter of an hour. Default: now"),
  timezone: timeZone.optional().describe("Whose days and midnights are meant. Default: the workspace's"),
}

/** Whose visits. */
export const scopeFields = {
  link: text(1_600)
    .optional()
    .describe(
      "A link's id, `ext_<externalId>` or `<host>/<code>`. Without link, tag and domain: the workspace",
    ),
  tag: text(100)
    .optional()
    .describe("A tag's name or id: visits of links that had it when they were visited"),
  domain: text(253).optional().describe("A domain's host or id"),
}

export type RangeQuery = { from?: Date | undefined; to?: Date | undefined; timezone?: string | undefined }
export type ScopeQuery = { link?: string | undefined; tag?: string | undefined; domain?: string | undefined }

/** Who asks, of what, and by whose time. */
export type Asked = {
  workspaceId: string
  workspaceTimeZone: string
  timeZone: string
  scopes: Scope[]
  /** Undefined for the default. */
  from: Date | undefined
  to: Date
  now: Date
}

/** Throws 422 for a range that cannot be answered, 404 for a link, tag or domain that the workspace does not have. */
export async function readAsked(
  { db }: FastifyInstance,
  workspaceId: string,
  query: RangeQuery & ScopeQuery,
  bounds: Bounds,
): Promise<Asked> {
  const { link, tag, domain, from, timezone } = query
  const now = new Date()
  const to = query.to ?? now
  checkRange({ from: from ?? new Date(to.getTime() - DEFAULT_DAYS * 24 * HOUR_MS), to }, bounds)
  const [workspace, ...scopes] = await Promise.all([
    findWorkspace(db, workspaceId),
    link === undefined ? null : linkScope(db, workspaceId, linkRef(link)),
    tag === undefined ? null : tagScope(db, workspaceId, tag),
    domain === undefined ? null : domainScope(db, workspaceId, domain),
  ])
  return {
    workspaceId,
    workspaceTimeZone: workspace.timeZone,
    timeZone: timezone ?? workspace.timeZone,
    scopes: scopes.filter((scope) => scope !== null),
    from: from && new Date(Math.floor(from.getTime() / BUCKET_MS) * BUCKET_MS),
    now,
    to: new Date(Math.ceil(to.getTime() / BUCKET_MS) * BUCKET_MS),
  }
}

type Bounds = {
  interval: Interval | null
  /** Told apart in each interval. */
  values?: number
  /** The parameter to change when there are too many intervals. */
  parameter?: string
}

/** Refuses a range that ends before it starts, or has too many intervals, or too many for so many values each. */
function checkRange({ from, to }: Range, { interval, values = 1, parameter = "interval" }: Bounds): void {
  if (from >= to) throw invalid([inQuery("from", "ends_before_start", "must be before `to`")])
  if (interval === null) return
  const intervals = (to.getTime() - from.getTime()) / LENGTH_MS[interval]
  if (intervals > INTERVALS_MAX) {
    const detail = `the range has more than ${INTERVALS_MAX} times one ${interval}: ask for less time or longer intervals`
    throw invalid([inQuery(parameter, "too_many_intervals", detail)])
  }
  if (intervals * values > ROWS_MAX) {
    const detail = `more than ${ROWS_MAX} of them in all intervals: ask for fewer values or intervals`
    throw invalid([inQuery("limit", "too_many_values", detail)])
  }
}

/** The most intervals one answer may have, and the most intervals times values told apart in each. */
const INTERVALS_MAX = 1_000
const ROWS_MAX = 10_000
