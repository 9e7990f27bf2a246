import { freePort } from "../../scripts/lib/ports.ts"
import type { Bench } from "../lib/bench.ts"
import { answersHttp, type Server, startServer } from "./server.ts"

const SCRIPTS = {
  "bare node:http": "node-http.ts",
  "bare Fastify": "fastify.ts",
  "Fastify + GET + XADD": "fastify-redis.ts",
} as const

export type NodeServerName = keyof typeof SCRIPTS

/** A server that does less than an edge, or the same in the plainest way: what the edge is compared with. */
export async function startNullServer(bench: Bench, name: NodeServerName, redisUrl = ""): Promise<Server> {
  const port = await freePort()
  const script = `${import.meta.dirname}/../null-servers/${SCRIPTS[name]}`
  return startServer(bench, {
    ...{ name, port, command: process.execPath, args: [script, String(port), redisUrl] },
    isReady: () => answersHttp(port),
  })
}
