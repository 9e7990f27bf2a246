import type { FastifyInstance } from "fastify"
import type { Results } from "../metrics.ts"

const FOR_A_DAY = ["Cache-Control", "public, max-age=86400"]

/** No host has an icon. */
export function faviconRoute(app: FastifyInstance, results: Results): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/favicon.ico",
    handler: (_req, reply) => {
      results.favicon++
      reply.raw.writeHead(204, FOR_A_DAY).end()
    },
  })
}
