import { type ServiceProcess, startProcess } from "./process.ts"
import type { Scope } from "./scope.ts"
import { startProxy, type TcpProxy } from "./tcp-proxy.ts"
import { waitFor } from "./wait.ts"

/** An edge or ingest with its own way to each store, which can be ended and started again on its ports and folder. */
export type Member = {
  readonly url: string
  readonly toRedis: TcpProxy
  readonly toPostgres: TcpProxy
  readonly process: ServiceProcess
  readonly isRunning: boolean
  /** Ready when it resolves, unless it need not be: an edge without Redis is not. */
  start(options?: { waitsReady?: boolean }): Promise<void>
  /** Resolves to its exit code: 0 after a stop in good order. */
  stop(): Promise<number | NodeJS.Signals | null>
  kill9(): Promise<void>
  /** A metric by its name and labels, as they are printed, and as it is now; 0 for one that it has not. */
  metric(name: string): Promise<number>
}

type Stores = { DATABASE_URL: string; REDIS_URL: string }

export async function startMember(
  scope: Scope,
  name: "edge" | "ingest",
  stores: Stores,
  env: Record<string, string>,
): Promise<Member> {
  const toRedis = await proxyOf(scope, stores.REDIS_URL, 6379)
  const toPostgres = await proxyOf(scope, stores.DATABASE_URL, 5432)
  const led = {
    REDIS_URL: toRedis.through(stores.REDIS_URL),
    DATABASE_URL: toPostgres.through(stores.DATABASE_URL),
  }
  const run = (options = {}) => startProcess(scope, name, { ...env, ...led }, options)
  let current = await run()
  let isRunning = true
  return {
    ...{ toRedis, toPostgres },
    url: current.url,
    get process() {
      return current
    },
    get isRunning() {
      return isRunning
    },
    async start(options) {
      current = await run(options)
      isRunning = true
    },
    async stop() {
      isRunning = false
      return current.stop()
    },
    async kill9() {
      isRunning = false
      await current.kill9()
    },
    async metric(metric) {
      const isFresh = (text: string) => valueIn(text, "qiao_edge_metrics_age_seconds") < 0.1 && text
      const read = async () => isFresh(await (await fetch(`${current.ops}/metrics`)).text())
      return valueIn(await waitFor("metrics as they are now", read), metric)
    },
  }
}

function valueIn(metrics: string, metric: string): number {
  const line = metrics.split("\n").find((line) => line.startsWith(`${metric} `))
  return Number(line?.slice(metric.length) ?? 0)
}

/** Waits for what ingests are to do; a failure shows the ends of their logs. */
export async function waitForIngests<T>(
  ingests: readonly Member[],
  description: string,
  condition: () => T | Promise<T>,
  timeoutMs = 20_000,
) {
  return waitFor(description, condition, { timeoutMs }).catch((err: unknown) => {
    const logs = ingests.map(({ process }) => process.logs().slice(-LOG_SHOWN))
    throw new Error(`${err}; the ends of the ingests' logs:\n${logs.join("\n")}`, { cause: err })
  })
}

const LOG_SHOWN = 4_000

function proxyOf(scope: Scope, url: string, usualPort: number) {
  const { port, hostname } = new URL(url)
  return startProxy(scope, Number(port) || usualPort, hostname)
}
