import { freePort } from "../../scripts/lib/ports.ts"
import { root, services } from "../../scripts/lib/services.ts"
import type { Bench } from "../lib/bench.ts"
import { type Sample, samplesOf } from "../measure/metrics.ts"
import { type Server, startServer } from "./server.ts"

export type Edge = Server & { readonly opsPort: number; metrics(): Promise<Sample[]> }

const SECRET = "of the bench, which keeps nothing secret"

type Options = {
  redisUrl: string
  name?: string
  /** Beside the edge's own defaults. */
  env?: Record<string, string>
}

/** A real edge with its default settings and everything on, once it is ready. Its Redis needs a heartbeat. */
export async function startEdge(bench: Bench, { redisUrl, name = "edge", env = {} }: Options): Promise<Edge> {
  const [port, opsPort] = [await freePort(), await freePort()]
  const server = await startServer(bench, {
    ...{ name, port },
    command: process.execPath,
    args: [`${root}/${services.edge.script}`],
    env: {
      ...{ REDIS_URL: redisUrl, EDGE_PORT: String(port), EDGE_OPS_PORT: String(opsPort) },
      ...{ SPILL_DIR: `${bench.folder}/spill-${port}` },
      ...{ COOKIE_SECRET: SECRET, SYNTHETIC_SECRET: SECRET },
      ...env,
    },
    isReady: async () => (await fetch(`http://127.0.0.1:${opsPort}/healthz/ready`)).ok,
  })
  const metrics = async () => samplesOf(await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text())
  return { ...server, opsPort, metrics }
}
