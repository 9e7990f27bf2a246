import { time } from "@qiao/core/fields.ts"
import type { FastifyInstance, FastifyRequest } from "fastify"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import {
  cursorOf,
  positionAt,
  type RawVisitsQuery,
  readRawVisits,
} from "../../repositories/clicks/raw-visits.ts"
import { filterFields, filtersOf } from "../../stats/filters.ts"
import { toVisit, visitSchema } from "../../stats/visit-formats.ts"
import { failures, flag, pageOfSchema, pageQuery } from "../schemas.ts"
import { readAsked, scopeFields } from "./query.ts"

/** Which visits; without a word on it, automated and synthetic ones are among them. */
export const visitFields = {
  from: time.optional().describe("Default: as long as visits are kept"),
  to: time.optional().describe("Exclusive. Default: now"),
  automated: flag.optional(),
  synthetic: flag.optional(),
  ...scopeFields,
  tag: scopeFields.tag.describe("A tag's name or id: visits of links that have it now"),
  ...filterFields,
}

const rawQuery = z.strictObject({ ...pageQuery.shape, ...visitFields })

type VisitsAsked = z.output<z.ZodObject<typeof visitFields>>

export const rawRoutes: FastifyPluginAsyncZod<{ visitsMax: number }> = async (app, { visitsMax }) => {
  app.get("/stats/raw", {
    config: { scope: "stats:read" },
    schema: {
      summary: "List single visits, the newest first",
      description:
        "As long as they are kept. Go on while there is a `nextCursor`: where filters let little through, a page may have fewer visits than its limit, or none.",
      querystring: rawQuery,
      response: { 200: pageOfSchema(visitSchema), ...failures },
    },
    handler: async (req) => {
      const { limit, cursor } = req.query
      const after = cursor === undefined ? null : positionAt(cursor, "newest")
      const query = await visitsQuery(app, req, req.query)
      const page = await readRawVisits(app.db, query, "newest", { after, limit, scanMax: visitsMax })
      const nextCursor = page.next === null ? null : cursorOf(page.next, "newest")
      return { data: page.visits.map(toVisit), nextCursor }
    },
  })
}

/** Throws a problem for a range that is none, and for a link, tag or domain that the workspace does not have. */
export async function visitsQuery(
  app: FastifyInstance,
  req: FastifyRequest,
  asked: VisitsAsked,
): Promise<RawVisitsQuery> {
  const { from = new Date(0), to = new Date(), automated, synthetic } = asked
  const { workspaceId } = req.caller
  const { scopes } = await readAsked(app, workspaceId, asked, { interval: null })
  return { workspaceId, scopes, range: { from, to }, filters: filtersOf(asked), automated, synthetic }
}
