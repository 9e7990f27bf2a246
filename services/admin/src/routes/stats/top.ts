import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { sumOf } from "../../counts.ts"
import { readWhen } from "../../repositories/stats/calendar.ts"
import { namesOf } from "../../repositories/stats/names.ts"
import { atOneMoment } from "../../repositories/stats/rollups.ts"
import { OTHER } from "../../rollups.ts"
import { notAnswerable, readCounts, type VisitLimits } from "../../stats/counts.ts"
import { groupedScope } from "../../stats/families.ts"
import { filterFields, filtersOf, STATS_DIMENSIONS } from "../../stats/filters.ts"
import type { Question } from "../../stats/question.ts"
import { rankedBy } from "../../stats/series.ts"
import { failures } from "../schemas.ts"
import { rangeFields, readAsked, scopeFields } from "./query.ts"
import { countFields, counts, isoRange, rangeAnswer, source } from "./schemas.ts"

const BY = ["link", "tag", "domain", ...STATS_DIMENSIONS] as const
const SORTS = ["clicks", "visits"] as const

const topQuery = z.strictObject({
  by: z.enum(BY),
  sort: z.enum(SORTS).default("clicks"),
  limit: z.coerce.number().int().min(1).max(100).default(10),
  ...rangeFields,
  ...scopeFields,
  ...filterFields,
})

const topSchema = z
  .object({
    source,
    ...rangeAnswer,
    by: z.enum(BY),
    sort: z.enum(SORTS),
    totals: counts.describe("Of all visits, also those of values that are not listed"),
    data: z.array(
      z.object({
        value: z.string().describe("The dimension's value, or the id of the link, tag or domain"),
        shortUrl: z.string().optional().describe("By link"),
        title: z.string().nullable().optional().describe("By link"),
        name: z.string().optional().describe("By tag: its name. By domain: its host"),
        ...countFields,
        share: z.number().nullable().describe("Of the totals, by `sort`; null where these are 0"),
      }),
    ),
  })
  .meta({ id: "Top" })

export const topRoutes: FastifyPluginAsyncZod<VisitLimits> = async (app, limits) => {
  app.get("/stats/top", {
    config: { scope: "stats:read" },
    schema: {
      summary: "The most visited links, tags, domains or values of a dimension",
      description:
        "By link the range is taken to whole days. As a link may have several tags, their shares may add up to more than 1. What can be answered is told at `/v1/stats/visits`.",
      querystring: topQuery,
      response: { 200: topSchema, ...failures },
    },
    handler: async (req) => {
      const { by, sort, limit } = req.query
      const asked = await readAsked(app, req.caller.workspaceId, req.query, { interval: null })
      const rest = { filters: filtersOf(req.query), isSynthetic: false, interval: null }
      const question: Question = { ...asked, ...rest, groupBy: by }
      return atOneMoment(app.db, async (trx) => {
        const when = await readWhen(trx, { ...asked, isWholeDays: by === "link", interval: null })
        const answer = await readCounts(trx, question, when, { most: limit, by: sort }, limits)
        if ("obstacles" in answer) throw notAnswerable(answer.obstacles)
        const { source, rows } = answer
        const all =
          groupedScope(question) === null
            ? answer
            : await readCounts(trx, { ...question, groupBy: null }, when, "all", limits)
        if ("obstacles" in all) throw notAnswerable(all.obstacles)
        const totals = sumOf(all.rows)
        const listed = rankedBy(sort, rows).filter(({ value }) => value !== OTHER)
        const names = await namesOf(
          trx,
          by,
          listed.map(({ value }) => value),
        )
        return {
          ...{ source, ...isoRange(when.range), timezone: asked.timeZone, by, sort, totals },
          data: listed.map((row) => ({
            ...row,
            ...names.get(row.value),
            share: totals[sort] === 0 ? null : row[sort] / totals[sort],
          })),
        }
      })
    },
  })
}
