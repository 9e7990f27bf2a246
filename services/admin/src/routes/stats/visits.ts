import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { sumOf } from "../../counts.ts"
import type { Trx } from "../../db/connect.ts"
import {
  INTERVALS,
  type Interval,
  type Range,
  readPreviousRange,
  readWhen,
  type When,
} from "../../repositories/stats/calendar.ts"
import type { Names } from "../../repositories/stats/groups.ts"
import { atOneMoment } from "../../repositories/stats/rollups.ts"
import { OTHER } from "../../rollups.ts"
import { notAnswerable, readCounts, type VisitLimits } from "../../stats/counts.ts"
import { filterFields, filtersOf, STATS_DIMENSIONS } from "../../stats/filters.ts"
import { inQuery, type Question } from "../../stats/question.ts"
import { seriesOf, valuesOf } from "../../stats/series.ts"
import { failures } from "../schemas.ts"
import { rangeFields, readAsked, scopeFields } from "./query.ts"
import { countFields, counts, isoRange, rangeAnswer, source } from "./schemas.ts"

const visitsQuery = z.strictObject({
  ...rangeFields,
  ...scopeFields,
  ...filterFields,
  interval: z.enum(INTERVALS).default("day"),
  groupBy: z.enum(STATS_DIMENSIONS).optional(),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(10)
    .describe(
      "With `groupBy`: how many values are told apart, those with the most visits. The rest is `(other)`",
    ),
  compare: z.enum(["previous"]).optional().describe("Also the range before, as long as this one"),
  synthetic: z
    .stringbool()
    .default(false)
    .describe("The visits of load tests and monitors instead, which nothing else counts"),
})

const row = z.object({
  start: z.string().describe("When the interval begins: the first may begin before `from`"),
  value: z.string().optional().describe("Of the dimension grouped by"),
  ...countFields,
})

const visitsSchema = z
  .object({
    source,
    ...rangeAnswer,
    interval: z.enum(INTERVALS),
    groupBy: z.enum(STATS_DIMENSIONS).nullable(),
    totals: counts,
    data: z.array(row).describe("Each interval, with each value: also where there were no visits"),
    previous: z
      .object({ source, from: z.string(), to: z.string(), totals: counts, data: z.array(row) })
      .nullable()
      .describe("With `compare`: the range before, by the same values"),
  })
  .meta({ id: "Visits" })

export const visitsRoutes: FastifyPluginAsyncZod<VisitLimits> = async (app, limits) => {
  app.get("/stats/visits", {
    config: { scope: "stats:read" },
    schema: {
      summary: "Visits over time",
      description:
        "Answered from counts, whatever the number of visits, when `groupBy` and all filters are of one group: platform, os, device, browser; country, region; language; referrer; decision, rule, variant. Else from single visits, as long as they are kept and not too many.",
      querystring: visitsQuery,
      response: { 200: visitsSchema, ...failures },
    },
    handler: async (req) => {
      const { interval, groupBy = null, limit, compare, synthetic } = req.query
      const bounds = { interval, values: groupBy === null ? 1 : limit }
      const asked = await readAsked(app, req.caller.workspaceId, req.query, bounds)
      const question = { ...asked, interval, groupBy, filters: filtersOf(req.query), isSynthetic: synthetic }
      return atOneMoment(app.db, async (trx) => {
        const when = await readWhen(trx, { ...question, isWholeDays: false })
        const names: Names = groupBy === null ? "all" : { most: limit, by: "visits" }
        const period = await readPeriod(trx, question, when, names)
        if ("obstacles" in period) throw notAnswerable(period.obstacles)
        const { values, ...current } = period
        return {
          ...{ ...current, timezone: asked.timeZone, interval, groupBy },
          previous: compare === "previous" ? await readPrevious(trx, question, when.range, values) : null,
        }
      })
    },
  })

  async function readPeriod(trx: Trx, question: SeriesQuestion, when: When, names: Names) {
    const answer = await readCounts(trx, question, when, names, limits)
    if ("obstacles" in answer) return answer
    const { source, rows } = answer
    const values = valuesOf(rows, names)
    const data = seriesOf(rows, when.intervals, values)
    return { source, ...isoRange(when.range), totals: sumOf(rows), data, values }
  }

  /** By the values of the current period, whatever the most visited were before it. */
  async function readPrevious(trx: Trx, question: SeriesQuestion, current: Range, values: string[] | null) {
    const { from, to } = await readPreviousRange(trx, { ...question, range: current })
    const when = await readWhen(trx, { ...question, from, to, isWholeDays: false })
    const names: Names = values === null ? "all" : { are: values.filter((value) => value !== OTHER) }
    const period = await readPeriod(trx, question, when, names)
    if ("obstacles" in period) {
      const before = `the previous range, from ${from.toISOString()} to ${to.toISOString()}`
      throw notAnswerable(
        period.obstacles.map(({ code, detail }) => inQuery("compare", code, `${before}: ${detail}`)),
      )
    }
    const { values: _, ...previous } = period
    return previous
  }
}

type SeriesQuestion = Question & { interval: Interval }
