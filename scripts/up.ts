import { once } from "node:events"
import { mkdir } from "node:fs/promises"
import { type Crew, newCrew } from "./lib/crew.ts"
import { keptSecret } from "./lib/files.ts"
import { greeting } from "./lib/greeting.ts"
import { endLeftovers, takeFolder } from "./lib/instance-lock.ts"
import { ensureDatabase } from "./lib/local-postgres.ts"
import { exitWith } from "./lib/plain-error.ts"
import { root, type ServiceName, serviceNames, services } from "./lib/services.ts"
import { migrate, setUp } from "./lib/setup.ts"
import { keptPostgres, keptRedis } from "./lib/stores.ts"
import { dataFolder, readConfig, syntheticSecretFile, type UpConfig } from "./lib/up-config.ts"
import { lastApiKey, type UpState, writeState } from "./lib/up-state.ts"

const databaseName = "qiao"

const folder = dataFolder(process.env)
const upJson = `${folder}/up.json`
const say = (line: string) => console.log(line)

const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort())
process.stdout.on("error", () => undefined) // nobody reads any more; that is no reason to die

await up().catch(exitWith)
process.exit(0)

async function up() {
  // Others may pass through: Postgres may have to, under its own account. What is secret is in files for us alone.
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const lock = await takeFolder(folder)
  let state: UpState | undefined
  const crew = newCrew({
    folder,
    say,
    onChange: async () => {
      if (state) await writeState(upJson, state, crew.members)
    },
  })
  const stopped = stopping.signal.aborted ? Promise.resolve() : once(stopping.signal, "abort")
  try {
    await Promise.race([start(crew, (ready) => (state = ready)), stopped])
    await stopped
    say("Stopping …")
  } finally {
    await crew.stop()
    await lock.release()
  }
  say("Stopped.")
}

async function start(crew: Crew, onReady: (state: UpState) => void) {
  await endLeftovers(folder, say)
  const config = await readConfig(process.env)

  say(config.databaseUrl && config.redisUrl ? "Using the given stores …" : "Starting Postgres and Redis …")
  const [databaseUrl, redisUrl] = await Promise.all([database(crew, config), redis(crew, config)])
  const env = await serviceEnvironment(config, databaseUrl, redisUrl)

  const edge = `http://localhost:${config.edgePort}`
  const admin = `http://localhost:${config.adminPort}`
  await migrate(env)

  say("Starting edge, admin, publisher and ingest …")
  const ops = opsUrls(config)
  const [newKey] = await Promise.all([
    setUp(env, edge),
    ...serviceNames.map((name) => startService(crew, name, config, env, ops[name])),
  ])

  const knownKey = newKey ?? (await lastApiKey(upJson))
  const apiKey = knownKey && (await isAccepted(admin, knownKey)) ? knownKey : await replaceKey(env, edge)
  const state = { edge, admin, apiKey, databaseUrl, redisUrl, ops }
  await writeState(upJson, state, crew.members)
  onReady(state)
  say(greeting({ edge, admin, apiKey, ops, upJson }))
}

async function database(crew: Crew, { databaseUrl }: UpConfig) {
  if (databaseUrl) return databaseUrl
  const postgres = await keptPostgres(folder, say)
  await crew.untilReady(await crew.start(postgres.program), postgres.answers)
  await ensureDatabase(postgres.url("postgres"), databaseName)
  return postgres.url(databaseName)
}

async function redis(crew: Crew, { redisUrl }: UpConfig) {
  if (redisUrl) return redisUrl
  const server = await keptRedis(folder, say)
  await crew.untilReady(await crew.start(server.program), server.answers)
  return server.url
}

async function serviceEnvironment(config: UpConfig, databaseUrl: string, redisUrl: string) {
  return {
    ...process.env,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    COOKIE_SECRET: process.env.COOKIE_SECRET || (await keptSecret(`${folder}/cookie.secret`)),
    SPILL_DIR: process.env.SPILL_DIR || `${folder}/spill`,
    SYNTHETIC_SECRET: process.env.SYNTHETIC_SECRET || (await keptSecret(syntheticSecretFile(folder))),
    EDGE_PORT: String(config.edgePort),
    ADMIN_PORT: String(config.adminPort),
    OPS_HOST: config.opsHost,
    ...Object.fromEntries(
      serviceNames.map((name) => [services[name].opsPort.variable, String(config.opsPorts[name])]),
    ),
  }
}

async function startService(
  crew: Crew,
  name: ServiceName,
  config: UpConfig,
  env: NodeJS.ProcessEnv,
  ops: string,
) {
  const flags = config.watch ? ["--watch", "--watch-preserve-output"] : []
  const args = [...flags, `${root}/${services[name].script}`]
  const member = await crew.start({ name, command: process.execPath, args, cwd: root, env })
  await crew.untilReady(member, async () => (await fetch(`${ops}/healthz/ready`)).ok)
}

function opsUrls({ opsHost, opsPorts }: UpConfig) {
  const host = opsHost === "0.0.0.0" ? "127.0.0.1" : opsHost
  const url = (name: ServiceName) => `http://${host}:${opsPorts[name]}`
  return { edge: url("edge"), admin: url("admin"), publisher: url("publisher"), ingest: url("ingest") }
}

async function isAccepted(admin: string, apiKey: string) {
  const answer = await fetch(`${admin}/v1/links?limit=1`, { headers: { authorization: `Bearer ${apiKey}` } })
  return answer.status !== 401
}

/** Only its hash is in the database, so a key that nobody noted is gone. */
async function replaceKey(env: NodeJS.ProcessEnv, edge: string) {
  say(`No key that works is in ${upJson}: making a new one`)
  const apiKey = await setUp(env, edge, ["--new-key"])
  if (!apiKey) throw new Error("setup made no key")
  return apiKey
}
