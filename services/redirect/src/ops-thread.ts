import { parentPort, workerData } from "node:worker_threads"
import { startOps } from "@qiao/core/ops.ts"
import type { OpsThreadMessage } from "./ops-host.ts"
import { type Answer, followStatus, METRICS_AGE } from "./status.ts"

/*
 * The ops port of a process whose main thread is the edge.
 */

const tell = (message: OpsThreadMessage) => parentPort?.postMessage(message)
const status = followStatus((question) => tell({ question }), "")
parentPort?.on("message", (answer: Answer<string>) => status.hear(answer))

const registry = {
  async metrics() {
    const metrics = await status.metrics()
    const { name, help } = METRICS_AGE
    return `${metrics}# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${status.metricsAgeMs() / 1_000}\n`
  },
}
const { host, port }: { host: string; port: number } = workerData
const ops = await startOps({ host, port, registry, isReady: status.isReady, isLive: status.isLive })
tell({ port: ops.port })
