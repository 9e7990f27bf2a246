import { Agent, request } from "node:http"
import { fileURLToPath } from "node:url"
import type { Test } from "tap"
import { type Child, startChild } from "../../../test/support/child.ts"
import { waitFor } from "../../../test/support/wait.ts"
import { COOKIE_SECRET } from "./edge.ts"
import { HOST } from "./publisher.ts"

export const SERVER = fileURLToPath(new URL("../../src/server.ts", import.meta.url))

/** The edge as it runs in production, with all its processes, on ports of its own. */
export type Server = {
  child: Child
  port: number
  opsPort: number
  /** The status of a path of the ops port. */
  ops(path: string): Promise<number>
  /** A metric by its name and labels, as they are printed; 0 for one that it has not. */
  metric(name: string): Promise<number>
  ready(): Promise<unknown>
  /** The workers that listened so far, oldest first. */
  workers(): { worker: number; pid: number; instance: string }[]
}

export async function startServer(t: Test, redisUrl: string, env: NodeJS.ProcessEnv = {}): Promise<Server> {
  const own = { REDIS_URL: redisUrl, COOKIE_SECRET, EDGE_PORT: "0", EDGE_OPS_PORT: "0", DRAIN_MS: "300" }
  const child = startChild(process.execPath, [SERVER], { env: { ...process.env, ...own, ...env } })
  t.teardown(() => child.stop("SIGKILL"))
  const listening = () => /"address":"http:\/\/127\.0\.0\.1:(\d+)","opsPort":(\d+)/.exec(child.output())
  await waitFor("the edge to listen", () => child.hasEnded || listening() !== null, { timeoutMs: 45_000 })
  const [, port, opsPort] = listening() ?? []
  if (port === undefined) throw new Error(`the edge ended:\n${child.output()}`)
  const askOps = (path: string) => fetch(`http://127.0.0.1:${opsPort}${path}`)
  const ops = async (path: string) => (await askOps(path)).status
  return {
    child,
    port: Number(port),
    opsPort: Number(opsPort),
    ops,
    async metric(name) {
      const lines = (await (await askOps("/metrics")).text()).split("\n")
      return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? 0)
    },
    ready: () =>
      waitFor("readiness", async () => (await ops("/healthz/ready")) === 200, { timeoutMs: 45_000 }),
    workers: () =>
      child
        .output()
        .split("\n")
        .filter((line) => /"worker":\d+.*"msg":"listening"/.test(line))
        .map((line) => JSON.parse(line)),
  }
}

/** Visitors that ask for a link again and again, each as soon as it was answered. */
export type Clients = {
  /** Redirects they got. */
  readonly answered: number
  readonly failures: readonly string[]
  stop(): Promise<void>
}

export function startClients(
  t: Test,
  port: number,
  code: string,
  { count, keepAlive }: { count: number; keepAlive: boolean },
): Clients {
  const agent = new Agent({ keepAlive, maxSockets: count })
  const failures: string[] = []
  let answered = 0
  let isStopped = false
  const runClient = async () => {
    while (!isStopped) {
      const result = await visit(port, code, agent)
      if (result === 302) answered++
      else failures.push(String(result))
    }
  }
  const running = Promise.all(Array.from({ length: count }, runClient))
  const stop = async () => {
    isStopped = true
    await running
    agent.destroy()
  }
  t.teardown(stop)
  return {
    failures,
    get answered() {
      return answered
    },
    stop,
  }
}

/** One visit, on its own connection unless an agent has one; resolves to the status, or what failed. */
export function visit(port: number, code: string, agent: Agent | false = false): Promise<number | string> {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: `/${code}`, agent, headers: { host: HOST } }
    request(options, (res) => {
      res.resume().on("end", () => resolve(res.statusCode ?? 0))
      res.on("error", (err) => resolve(err.message))
    })
      .on("error", (err) => resolve(err.message))
      .end()
  })
}
