import { Worker } from "node:worker_threads"
import type { Ops } from "@qiao/core/ops.ts"
import type { Config } from "./config.ts"
import type { Answer, Question } from "./status.ts"

export type OpsThreadMessage = { question: Question } | { port: number }

/** The ops port in a thread of its own, which asks this one. Rejects when the port cannot be used. */
export async function startOpsThread(
  { OPS_HOST, EDGE_OPS_PORT }: Config,
  answer: (question: Question) => Promise<Answer<string>>,
): Promise<Ops> {
  const thread = new Worker(new URL("./ops-thread.ts", import.meta.url), {
    workerData: { host: OPS_HOST, port: EDGE_OPS_PORT },
  })
  const listening = Promise.withResolvers<number>()
  thread.on("message", async (message: OpsThreadMessage) => {
    if ("port" in message) listening.resolve(message.port)
    else thread.postMessage(await answer(message.question))
  })
  thread.once("error", listening.reject)
  const port = await listening.promise
  thread.once("error", (err) => {
    throw err
  })
  return {
    port,
    async close() {
      await thread.terminate()
    },
  }
}
