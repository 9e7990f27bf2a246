import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { readDayCounts } from "../../stats/day-counts.ts"
import { failures } from "../schemas.ts"
import { dayFields, dayRangeAnswer, readDaysAsked } from "./days.ts"
import { scopeFields } from "./query.ts"

const uniquesSchema = z
  .object({
    ...dayRangeAnswer,
    visitorDays: z
      .number()
      .describe(
        "The sum of all days: who came on two days counts twice, as visitors are told apart within a day only",
      ),
    data: z.array(z.object({ day: z.string().describe("Such as 2026-11-22"), visitors: z.number() })),
  })
  .meta({ id: "Uniques" })

export const uniquesRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get("/stats/uniques", {
    config: { scope: "stats:read" },
    schema: {
      summary: "Unique visitors by day",
      description:
        "People, without crawlers and fetchers, told apart by address and User-Agent within a day of the workspace's time zone: of a link, or of the workspace.",
      querystring: z.strictObject({ ...dayFields, link: scopeFields.link }),
      response: { 200: uniquesSchema, ...failures },
    },
    handler: async (req) => {
      const { scope, when, answer } = await readDaysAsked(app, req.caller.workspaceId, req.query)
      const days = await readDayCounts(app.db, scope.id, "visitors", when)
      const data = days.map(({ day, visits }) => ({ day, visitors: visits.get("") ?? 0 }))
      return { ...answer, visitorDays: data.reduce((sum, { visitors }) => sum + visitors, 0), data }
    },
  })
}
