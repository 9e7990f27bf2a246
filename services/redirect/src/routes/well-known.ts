import type { FastifyInstance } from "fastify"
import type { Results } from "../metrics.ts"
import { sendText } from "../respond.ts"

/** Link previews are made by crawlers, so they may fetch; that pages stay out of indexes is said by `X-Robots-Tag`. */
const ROBOTS = "User-agent: *\nAllow: /\n"

const FOR_A_DAY = ["Cache-Control", "public, max-age=86400"]

/** What every host answers, before any code. */
export function wellKnownRoutes(app: FastifyInstance, results: Results): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/robots.txt",
    handler: (_req, reply) => {
      results.robots++
      sendText(reply.raw, 200, ROBOTS, FOR_A_DAY)
    },
  })
  app.route({
    method: ["GET", "HEAD"],
    url: "/favicon.ico",
    handler: (_req, reply) => {
      results.favicon++
      reply.raw.writeHead(204, FOR_A_DAY).end()
    },
  })
}
