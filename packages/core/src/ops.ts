import type { AddressInfo } from "node:net"
import type { Registry } from "prom-client"

export type Ops = { port: number; close(): Promise<void> }

// An import makes Node load what backs each of its exports, among them WebSocket: 50 ms of a start.
const { createServer } = process.getBuiltinModule("node:http")

const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"

/** What the ops port tells. A process that answers for itself is live if it answers. */
export type OpsSource = {
  registry: Pick<Registry, "metrics">
  isReady: () => boolean | Promise<boolean>
  isLive?: () => boolean
}

/**
 * The ops port of a process, never the public one: `GET /healthz/live` (200 while the event loop turns, else 503), `/healthz/ready` (200
 * or 503), `/metrics` (Prometheus text).
 */
export async function startOps(options: OpsSource & { host: string; port: number }): Promise<Ops> {
  const { registry, isReady, isLive = () => true } = options
  const server = createServer(async (req, reply) => {
    const answer = (status: number, body: string, type = "text/plain") => {
      reply.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body)
    }
    const path = req.url?.split("?")[0]
    if (req.method !== "GET" && req.method !== "HEAD") return answer(405, "method not allowed\n")
    try {
      switch (path) {
        case "/healthz/live":
          return isLive() ? answer(200, "live\n") : answer(503, "not live\n")
        case "/healthz/ready":
          return (await isReady()) ? answer(200, "ready\n") : answer(503, "not ready\n")
        case "/metrics":
          return answer(200, await registry.metrics(), PROMETHEUS_TEXT)
        default:
          return answer(404, "not found\n")
      }
    } catch {
      answer(500, "failed\n")
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
