import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { Histogram, type Registry } from "prom-client"

/** How many requests each route answered, how, and in what time. */
export const metrics = fp(async (app: FastifyInstance, options: { registry: Registry }) => {
  const duration = new Histogram({
    name: "qiao_admin_request_seconds",
    help: "Requests by route and status, and how long they took",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [options.registry],
  })
  app.addHook("onResponse", async (req, reply) => {
    const route = req.routeOptions.url ?? "none"
    const labels = { method: req.method, route, status: reply.statusCode }
    duration.observe(labels, reply.elapsedTime / 1_000)
  })
})
