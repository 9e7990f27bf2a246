import { freePort } from "../../scripts/lib/ports.ts"
import { root, type ServiceName, services } from "../../scripts/lib/services.ts"
import { migrate, setUp } from "../../scripts/lib/setup.ts"
import type { Bench } from "../lib/bench.ts"
import { cores, onCore } from "../lib/cores.ts"
import { bareEnvironment } from "./environment.ts"
import { startPostgres, startRedis } from "./stores.ts"

/** The domain that `setUp` makes. */
export const API_HOST = "localhost"

export type Api = (method: "POST" | "PATCH", path: string, body: object) => Promise<{ id: string }>

/** Postgres, Redis, publisher and admin, and a way to ask the API. */
export async function startControlPlane(bench: Bench): Promise<{ redisUrl: string; api: Api }> {
  const redis = await startRedis(bench, { isDurable: true })
  const postgres = await startPostgres(bench)
  const port = await freePort()
  const env = {
    ...bareEnvironment,
    ...{ DATABASE_URL: postgres.url, REDIS_URL: redis.url, LOG_LEVEL: "warn" },
    ...{ ADMIN_PORT: String(port), RATE_LIMIT_PER_MINUTE: "1000000" },
  }
  await migrate(env)
  const apiKey = await setUp(env, `http://${API_HOST}`)
  await startService(bench, "publisher", env)
  await startService(bench, "admin", env)
  return {
    redisUrl: redis.url,
    async api(method, path, body) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      })
      if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
      return (await answer.json()) as { id: string }
    },
  }
}

async function startService({ crew }: Bench, name: ServiceName, env: NodeJS.ProcessEnv): Promise<void> {
  const { script, opsPort } = services[name]
  const port = await freePort()
  const program = {
    ...{ name, command: process.execPath, args: [`${root}/${script}`], cwd: root },
    env: { ...env, [opsPort.variable]: String(port) },
  }
  const member = await crew.start(onCore(cores.stores, program))
  await crew.untilReady(member, async () => (await fetch(`http://127.0.0.1:${port}/healthz/ready`)).ok)
}
