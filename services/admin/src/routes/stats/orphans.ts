import { host } from "@qiao/core/fields.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { readOrphans } from "../../repositories/stats/orphans.ts"
import { failures } from "../schemas.ts"
import { dayFields, dayRangeAnswer, readDaysAsked } from "./days.ts"

const orphansSchema = z
  .object({
    ...dayRangeAnswer,
    visits: z.number().describe("Of all paths, also those that are not listed"),
    data: z.array(
      z.object({
        host: z.string(),
        path: z
          .string()
          .nullable()
          .describe("As it was asked for; null for all those that are not told apart"),
        visits: z.number(),
        lastAt: z.string(),
      }),
    ),
  })
  .meta({ id: "Orphans" })

export const orphansRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get("/stats/orphans", {
    config: { scope: "stats:read" },
    schema: {
      summary: "Visits of codes that no link has, the most visited first",
      description: "Misprints and scanners. They are kept for 90 days and are in no other count.",
      querystring: z.strictObject({
        ...dayFields,
        host: host.optional(),
        limit: z.coerce.number().int().min(1).max(1_000).default(100),
      }),
      response: { 200: orphansSchema, ...failures },
    },
    handler: async (req) => {
      const { host = null, limit, ...query } = req.query
      const { workspaceId, when, answer } = await readDaysAsked(app, req.caller.workspaceId, query)
      const { visits, paths } = await readOrphans(app.db, { workspaceId, range: when.range, host, limit })
      const data = paths.map((row) => ({
        host: row.host,
        path: row.path === "" ? null : row.path,
        visits: row.visits,
        lastAt: row.lastAt.toISOString(),
      }))
      return { ...answer, visits, data }
    },
  })
}
