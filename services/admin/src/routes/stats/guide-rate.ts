import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { GUIDE_TOKENS_DAYS } from "../../repositories/upkeep/retention.ts"
import { readDayCounts } from "../../stats/day-counts.ts"
import { failures } from "../schemas.ts"
import { dayFields, dayRangeAnswer, readDaysAsked } from "./days.ts"
import { scopeFields } from "./query.ts"

const rateFields = {
  shown: z.number().describe("People who were shown the guide page"),
  returned: z.number().describe("Those of them who came to the target from there"),
  rate: z.number().nullable().describe("returned ÷ shown, null where nobody was shown it"),
}

const guideRateSchema = z
  .object({
    ...dayRangeAnswer,
    windowDays: z.number().describe("Who comes back later than this many days is not counted as returned"),
    ...rateFields,
    data: z
      .array(
        z.object({ day: z.string().describe("When the page was shown, such as 2026-11-22"), ...rateFields }),
      )
      .describe("The last days' rates still grow until their window is over"),
  })
  .meta({ id: "GuideRate" })

export const guideRateRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get("/stats/guide-rate", {
    config: { scope: "stats:read" },
    schema: {
      summary: "How many of those who saw the guide page came back in a browser",
      querystring: z.strictObject({ ...dayFields, ...scopeFields }),
      response: { 200: guideRateSchema, ...failures },
    },
    handler: async (req) => {
      const { scope, when, answer } = await readDaysAsked(app, req.caller.workspaceId, req.query)
      const days = await readDayCounts(app.db, scope.id, "guide", when)
      const data = days.map(({ day, visits }) => ({
        day,
        ...rateOf(visits.get("shown") ?? 0, visits.get("returned") ?? 0),
      }))
      const sum = (name: "shown" | "returned") => data.reduce((total, row) => total + row[name], 0)
      return { ...answer, windowDays: GUIDE_TOKENS_DAYS, ...rateOf(sum("shown"), sum("returned")), data }
    },
  })
}

function rateOf(shown: number, returned: number) {
  return { shown, returned, rate: shown === 0 ? null : returned / shown }
}
