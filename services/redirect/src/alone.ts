import type { Running } from "@qiao/core/process.ts"
import pino from "pino"
import { type Config, stopMaxMsOf } from "./config.ts"
import { startOpsThread } from "./ops-host.ts"
import type { RunningEdge } from "./run-edge.ts"

/** One process: the edge in this thread, the ops port in another. */
export async function startAlone(config: Config): Promise<Running> {
  let edge: RunningEdge | null = null
  const opening = startOpsThread(config, async (question) =>
    question === "isReady"
      ? { isReady: edge?.isReady() ?? false }
      : { metrics: (await edge?.registry.metrics().catch(() => "")) ?? "" },
  )
  // Awaited below; until then its failure is nobody's.
  opening.catch(() => {})
  // The thread starts while the edge is loaded.
  const { runEdge } = await import("./run-edge.ts")
  const log = pino({ level: config.LOG_LEVEL, name: "edge" })
  edge = runEdge(config, log)
  const { listen, stop, instance, partition } = edge
  const [ops, address] = await Promise.all([opening, listen()])
  log.info({ address, opsPort: ops.port, instance, partition }, "listening")

  return {
    stopMaxMs: stopMaxMsOf(config),
    async stop() {
      await stop()
      await ops.close()
    },
  }
}
