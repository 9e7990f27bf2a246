import cluster from "node:cluster"
import { startOrExit, stopAndExit } from "@qiao/core/process.ts"
import pino from "pino"
import { parseConfig, stopMaxMsOf } from "./config.ts"
import { runEdge } from "./run-edge.ts"
import type { Question } from "./status.ts"
import { ofWorker } from "./worker-config.ts"

/*
 * One of several processes that are an edge each: `node worker.ts <slot> [listen-when-ready]`, started by workers.ts. It stops in good
 * order on SIGTERM, and when the primary is no more; what is typed at the terminal is for the primary.
 */
const [slot, mode] = process.argv.slice(2)
process.on("SIGINT", () => {})
process.on("SIGHUP", () => {})

await startOrExit(async () => {
  const config = ofWorker(parseConfig(process.env), Number(slot))
  const log = pino({
    level: config.LOG_LEVEL,
    name: "edge",
    base: { pid: process.pid, worker: Number(slot) },
  })
  const edge = runEdge(config, log)
  const { registry, isReady, instance, partition } = edge
  const tell = async (question: Question) => {
    const answer =
      question === "isReady"
        ? { isReady: isReady() }
        : { metrics: await registry.getMetricsAsJSON().catch(() => []) }
    await new Promise<void>((resolve) => {
      if (process.connected) process.send?.(answer, () => resolve())
      else resolve()
    })
  }
  const stop = stopAndExit(async () => {
    await edge.stop()
    // They are counted on when this process is no more.
    await tell("metrics")
  }, stopMaxMsOf(config))
  process.on("message", tell)
  process.on("SIGTERM", stop)
  process.on("disconnect", stop)
  // Else Node ends the process at once when the primary is no more.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true

  if (mode === "listen-when-ready" && !(await edge.untilReady())) return
  const address = await edge.listen()
  log.info({ address, instance, partition }, "listening")
})
