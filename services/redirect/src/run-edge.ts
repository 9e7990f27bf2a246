import "./tick-object.ts"
import { setTimeout as delay } from "node:timers/promises"
import type { Logger } from "pino"
import type { Config } from "./config.ts"
import { composeEdge } from "./edge.ts"

const CHECK_MS = 10

export type RunningEdge = ReturnType<typeof runEdge>

/** The edge of this process. */
export function runEdge(config: Config, log: Logger) {
  const { app, clicks, registry, isReady, stop } = composeEdge(config, log)
  const { instance, partition } = clicks
  let isStopping = false

  return {
    ...{ registry, isReady, instance, partition },

    /** Resolves to the address. */
    listen: () => app.listen({ host: config.EDGE_HOST, port: config.EDGE_PORT }),

    /** Resolves to false when it is stopped before. */
    async untilReady(): Promise<boolean> {
      while (!isStopping && !isReady()) await delay(CHECK_MS)
      return !isStopping
    },

    async stop(): Promise<void> {
      isStopping = true
      log.info("stopping")
      const { lostVisits } = await stop()
      if (lostVisits > 0) log.error({ lostVisits }, "visits could not be sent and are lost")
      log.info({ visits: clicks.counters }, "stopped")
    },
  }
}
