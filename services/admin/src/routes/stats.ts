import { text, time, timeZone } from "@qiao/core/fields.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { BUCKET_MS } from "../counting.ts"
import { invalidField } from "../problem.ts"
import { findLink } from "../repositories/links.ts"
import { INTERVALS, readVisits, type VisitCounts } from "../repositories/stats.ts"
import { findWorkspace } from "../repositories/workspaces.ts"
import { linkRef } from "./link-ref.ts"
import { failures } from "./schemas.ts"

const HOUR_MS = 3_600_000
const DEFAULT_RANGE_MS = 30 * 24 * HOUR_MS
/** The most intervals one answer may have. */
const POINTS_MAX = 1_000
const LENGTH_MS = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 672 * HOUR_MS }

const visitsQuery = z.strictObject({
  link: text(1_600).optional().describe("Without it: the whole workspace"),
  from: time.optional().describe("Taken down to a quarter of an hour. Default: 30 days before `to`"),
  to: time.optional().describe("Default: now. Exclusive"),
  interval: z.enum(INTERVALS).default("day"),
  timezone: timeZone.optional().describe("Default: the workspace's"),
  groupBy: z.enum(["platform"]).optional(),
})

const counts = z.object({ visits: z.number(), automated: z.number(), clicks: z.number() })

const visitsSchema = z
  .object({
    source: z.literal("rollups"),
    from: z.string(),
    to: z.string(),
    interval: z.enum(INTERVALS),
    timezone: z.string(),
    groupBy: z.enum(["platform"]).nullable(),
    totals: counts,
    data: z.array(
      counts.extend({
        start: z.string(),
        value: z.string().optional().describe("Of the dimension grouped by"),
      }),
    ),
  })
  .meta({ id: "Visits" })

export const statsRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get("/stats/visits", {
    config: { scope: "stats:read" },
    schema: {
      summary: "Visits over time",
      description:
        "`visits` are all, `automated` those of crawlers and fetchers among them, `clicks` the human ones that ended in a redirect.",
      querystring: visitsQuery,
      response: { 200: visitsSchema, ...failures },
    },
    handler: async (req) => {
      const { workspaceId } = req.caller
      const { link, interval, groupBy = null, to = new Date() } = req.query
      const from = downToBucket(req.query.from ?? new Date(to.getTime() - DEFAULT_RANGE_MS))
      checkRange(from, to, LENGTH_MS[interval])
      const timezone = req.query.timezone ?? (await findWorkspace(app.db, workspaceId)).timeZone
      const scopeId =
        link === undefined ? workspaceId : (await findLink(app.db, workspaceId, linkRef(link))).id
      const dimension = groupBy ?? "total"
      const rows = await readVisits(app.db, { scopeId, dimension, from, to, interval, timeZone: timezone })
      return {
        source: "rollups" as const,
        from: from.toISOString(),
        to: to.toISOString(),
        interval,
        timezone,
        groupBy,
        totals: sum(rows),
        data: rows.map(({ start, value, visits, automated, clicks }) => ({
          start: start.toISOString(),
          ...(groupBy !== null && { value }),
          visits,
          automated,
          clicks,
        })),
      }
    },
  })
}

/** Visits are counted by the quarter of an hour: a part of one cannot be told. */
function downToBucket(date: Date): Date {
  return new Date(date.getTime() - (date.getTime() % BUCKET_MS))
}

function checkRange(from: Date, to: Date, intervalMs: number): void {
  if (from >= to) throw invalidField("/from", "ends_before_start", "must be before `to`", "query")
  if ((to.getTime() - from.getTime()) / intervalMs > POINTS_MAX) {
    const detail = `the range has more than ${POINTS_MAX} of them`
    throw invalidField("/interval", "too_many_intervals", detail, "query")
  }
}

function sum(rows: VisitCounts[]): VisitCounts {
  const totals = { visits: 0, automated: 0, clicks: 0 }
  for (const row of rows) {
    totals.visits += row.visits
    totals.automated += row.automated
    totals.clicks += row.clicks
  }
  return totals
}
