import { text } from "@qiao/core/fields.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { linkScope } from "../../repositories/stats/scopes.ts"
import { linkRef } from "../link-ref.ts"
import { failures } from "../schemas.ts"

const liveQuery = z.strictObject({
  link: text(1_600).optional().describe("Without it: the whole workspace"),
})

const events = {
  description: "Server-sent events",
  content: { "text/event-stream": { schema: z.string() } },
}

export const liveRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get("/stats/live", {
    // A HEAD would wait for a stream to end that nobody reads.
    exposeHeadRoute: false,
    config: { scope: "stats:read" },
    schema: {
      summary: "Visits as they are stored, as server-sent events",
      description:
        "`event: visits` has `{visits, omitted}`: visits as in `/v1/stats/raw`, and how many others of the workspace were stored and are not told, as they were too many or the reader too slow. Comments come every 15 seconds. `event: end` has the `reason` (`time_up`, `shutdown`, `feed_lost`) for which the stream ends; come again to go on. What is stored in between is not told: it is in `/v1/stats/raw`.",
      querystring: liveQuery,
      response: { 200: events, ...failures },
    },
    handler: async (req, reply) => {
      const { workspaceId } = req.caller
      const { link } = req.query
      const linkId = link === undefined ? null : (await linkScope(app.db, workspaceId, linkRef(link))).id
      const stream = await app.openLive(workspaceId, linkId)
      reply.header("content-type", "text/event-stream; charset=utf-8")
      reply.headers({ "cache-control": "no-store", "x-accel-buffering": "no" })
      return reply.send(stream.body as never)
    },
  })
}
