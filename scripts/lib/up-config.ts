import { resolve } from "node:path"
import { PlainError } from "./plain-error.ts"
import { holderOf, isFree, preferPort } from "./ports.ts"
import { root, type ServiceName, serviceNames, services } from "./services.ts"

type Environment = NodeJS.ProcessEnv

export type UpConfig = {
  databaseUrl: string | undefined
  redisUrl: string | undefined
  watch: boolean
  edgePort: number
  adminPort: number
  opsHost: string
  opsPorts: Record<ServiceName, number>
}

/** Where all data lives; a relative one is relative to the checkout. */
export function dataFolder(env: Environment) {
  return resolve(root, env.DATA_DIR || ".data")
}

/** Signs the header of load tests and monitors; `scripts/synthetic-header` reads it. */
export function syntheticSecretFile(folder: string) {
  return `${folder}/synthetic.secret`
}

export async function readConfig(env: Environment): Promise<UpConfig> {
  return {
    databaseUrl: env.DATABASE_URL || undefined,
    redisUrl: env.REDIS_URL || undefined,
    watch: env.WATCH === "1",
    edgePort: await publicPort("edge", env),
    adminPort: await publicPort("admin", env),
    opsHost: env.OPS_HOST || "127.0.0.1",
    opsPorts: await opsPorts(env),
  }
}

/** People and printed links know these ports, so another one is never taken silently. */
async function publicPort(name: "edge" | "admin", env: Environment) {
  const { variable, usual } = services[name].port
  const port = portFrom(env, variable) ?? usual
  const host = env[`${name.toUpperCase()}_HOST`]
  if (await isFree(port, host)) return port
  const other = port < 50_000 ? port + 10_000 : port - 10_000
  throw new PlainError(
    `port ${port}, which the ${name} needs, is taken${await holderOf(port)}: ` +
      `choose another one, for example ${variable}=${other} ./scripts/up`,
  )
}

async function opsPorts(env: Environment) {
  const ports = { edge: 0, admin: 0, publisher: 0, ingest: 0 }
  for (const name of serviceNames) {
    const { variable, usual } = services[name].opsPort
    ports[name] = portFrom(env, variable) ?? (await preferPort(usual))
  }
  return ports
}

function portFrom(env: Environment, variable: string) {
  const text = env[variable]
  if (!text) return undefined
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new PlainError(`${variable}=${text} is not a port: a number from 1 to 65535 is`)
}
