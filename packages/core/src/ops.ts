import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Registry } from "prom-client"

export type Ops = { port: number; close(): Promise<void> }

/**
 * The ops port of a process, never the public one: `GET /healthz/live` (200 while the event loop turns), `/healthz/ready` (200 or 503),
 * `/metrics` (Prometheus text).
 */
export async function startOps(options: {
  host: string
  port: number
  registry: Registry
  isReady: () => boolean
}): Promise<Ops> {
  const { registry, isReady } = options
  const server = createServer(async (req, reply) => {
    const answer = (status: number, body: string, type = "text/plain") => {
      reply.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body)
    }
    const path = req.url?.split("?")[0]
    if (req.method !== "GET" && req.method !== "HEAD") return answer(405, "method not allowed\n")
    if (path === "/healthz/live") return answer(200, "live\n")
    if (path === "/healthz/ready") return isReady() ? answer(200, "ready\n") : answer(503, "not ready\n")
    if (path !== "/metrics") return answer(404, "not found\n")
    try {
      answer(200, await registry.metrics(), registry.contentType)
    } catch {
      answer(500, "metrics failed\n")
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
