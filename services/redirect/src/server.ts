import { startOps } from "@qiao/core/ops.ts"
import { runProcess } from "@qiao/core/process.ts"
import pino from "pino"
import { parseConfig } from "./config.ts"
import { composeEdge } from "./edge.ts"

await runProcess(async () => {
  const config = parseConfig(process.env)
  const log = pino({ level: config.LOG_LEVEL, name: "edge" })
  const edge = composeEdge(config, log)
  const { registry, isReady, clicks } = edge
  const ops = await startOps({ host: config.OPS_HOST, port: config.EDGE_OPS_PORT, registry, isReady })
  const address = await edge.app.listen({ host: config.EDGE_HOST, port: config.EDGE_PORT })
  const { instance, partition } = clicks
  log.info({ address, opsPort: ops.port, instance, partition }, "listening")

  return async () => {
    log.info("stopping")
    const { lostVisits } = await edge.stop()
    if (lostVisits > 0) log.error({ lostVisits }, "visits could not be sent and are lost")
    log.info({ visits: clicks.counters }, "stopped")
    await ops.close()
  }
})
