import { startOps } from "@qiao/core/ops.ts"
import type { Running } from "@qiao/core/process.ts"
import pino from "pino"
import { Registry } from "prom-client"
import { type Config, stopMaxMsOf } from "./config.ts"
import { createExpose } from "./expose.ts"
import { sumMetrics } from "./metrics-sum.ts"
import { METRICS_AGE } from "./status.ts"
import { superviseWorkers } from "./workers.ts"

/** The process above the workers: it hands connections to them, supervises them, and serves the ops port for all. */
export async function startPrimary(config: Config): Promise<Running> {
  const log = pino({ level: config.LOG_LEVEL, name: "edge" })
  const workers = superviseWorkers({
    count: config.WORKERS,
    readyMaxMs: config.WORKER_READY_MS,
    stopMaxMs: stopMaxMsOf(config),
    log,
  })
  const own = new Registry()
  const { counter, gauge } = createExpose(own)
  gauge("qiao_edge_workers", "Worker processes that serve", () => workers.counters.serving)
  counter("qiao_edge_worker_ends_total", "Worker processes that ended by themselves", [], () => [
    [{}, workers.counters.ended],
  ])
  gauge(METRICS_AGE.name, METRICS_AGE.help, () => {
    return Math.max(0, ...workers.serving().map(({ metricsAgeMs }) => metricsAgeMs())) / 1_000
  })
  const areReady = async () => {
    const each = await Promise.all(workers.serving().map(({ isReady }) => isReady()))
    return each.length > 0 && each.every(Boolean)
  }

  const ops = await startOps({
    host: config.OPS_HOST,
    port: config.EDGE_OPS_PORT,
    isReady: areReady,
    isLive: () => workers.serving().every(({ isLive }) => isLive()),
    registry: {
      async metrics() {
        const ofWorkers = await workers.metrics()
        return sumMetrics([await own.getMetricsAsJSON(), ...ofWorkers]).metrics()
      },
    },
  })
  const { address, port } = await workers.start()
  const host = address.includes(":") ? `[${address}]` : address
  log.info({ address: `http://${host}:${port}`, opsPort: ops.port, workers: config.WORKERS }, "listening")

  return {
    restart: workers.restart,
    // Who does not stop by then is killed first.
    stopMaxMs: 2 * stopMaxMsOf(config),
    async stop() {
      // A second signal, or the deadline, ends all of them.
      process.on("exit", workers.kill)
      await workers.stop()
      await ops.close()
    },
  }
}
