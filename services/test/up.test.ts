import { once } from "node:events"
import { existsSync, readFileSync, statSync } from "node:fs"
import { chmod, mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import t, { type Test } from "tap"
import { freePort } from "../../scripts/lib/ports.ts"
import { endProcess, isAlive } from "../../scripts/lib/processes.ts"
import { run } from "../../scripts/lib/run.ts"
import { root } from "../../scripts/lib/services.ts"
import { type Child, startChild } from "./support/child.ts"
import { apiClient } from "./support/qiao.ts"
import { waitFor } from "./support/wait.ts"

/*
 * `./scripts/up` as a person runs it, with embedded Postgres and private Redis, on one folder from its
 * first start to the last. The tests build on each other.
 */

t.setTimeout(300_000)
t.jobs = 1

type UpJson = {
  edge: string
  admin: string
  apiKey: string
  databaseUrl: string
  redisUrl: string
  pids: Pids
}
type Pids = Record<string, number>

const programs = ["admin", "edge", "ingest", "postgres", "publisher", "redis"]
const folder = await mkdtemp(`${tmpdir()}/qiao-up-`)
const dataDir = `${folder}/data`
const { DATABASE_URL: _, REDIS_URL: __, ...machine } = process.env
const environment = {
  ...machine,
  DATA_DIR: dataDir,
  EDGE_PORT: String(await freePort()),
  ADMIN_PORT: String(await freePort()),
  EDGE_OPS_PORT: String(await freePort()),
  ADMIN_OPS_PORT: String(await freePort()),
  PUBLISHER_OPS_PORT: String(await freePort()),
  INGEST_OPS_PORT: String(await freePort()),
}
await chmod(folder, 0o755) // Postgres may run under its own account

let up: Child
let first: UpJson

t.teardown(async () => {
  await up?.stop()
  const pids = existsSync(`${dataDir}/up.json`) ? Object.values(readState().pids) : []
  for (const pid of pids.filter(isAlive)) await endProcess(pid, "SIGKILL")
  await rm(folder, { recursive: true, force: true })
})

t.test("the first start brings up everything and notes it for its owner alone", async (t) => {
  up = await start(t)
  first = readState()
  t.equal(statSync(`${dataDir}/up.json`).mode & 0o777, 0o600)
  t.equal(statSync(`${dataDir}/spill`).mode & 0o777, 0o700)
  t.equal(first.edge, `http://localhost:${environment.EDGE_PORT}`)
  t.equal(first.admin, `http://localhost:${environment.ADMIN_PORT}`)
  t.match(first.apiKey, /^qk_/)
  t.match(first.databaseUrl, /^postgres:\/\/.+@127\.0\.0\.1:/)
  t.match(first.redisUrl, /^redis:\/\/.+@127\.0\.0\.1:/)
  t.same(Object.keys(first.pids).sort(), programs)
  t.ok(Object.values(first.pids).every(isAlive), "all of them run")
})

t.test("the printed commands work, and work again", async (t) => {
  const [create = "", open = ""] = up
    .output()
    .split("\n")
    .filter((line) => line.startsWith("curl "))
  for (const _time of ["first", "second"]) {
    const shortUrl = (await run("bash", ["-c", create])).trim()
    t.ok(shortUrl.startsWith(`${first.edge}/`), `a short url: ${shortUrl}`)
  }
  const guide = await run("bash", ["-c", open])
  t.match(guide, /^HTTP\/1\.1 200 /)
  t.match(guide, /text\/html/)
})

t.test("a second start on the same folder is refused", async (t) => {
  const second = startUp()
  t.equal(await ended(second), 1)
  t.match(second.output(), `already runs on ${dataDir}`)
  t.match(second.output(), "DATA_DIR")
  t.ok(Object.values(readState().pids).every(isAlive), "the first is not disturbed")
})

for (const name of programs) {
  t.test(`a killed ${name} is started again, and said so`, async (t) => {
    const killed = readState().pids[name] ?? 0
    process.kill(killed, "SIGKILL")
    await waitFor(`a new ${name}`, () => readState().pids[name] !== killed && readState().pids[name])
    t.match(up.output(), `${name} ended (SIGKILL), starting it again in 0.2 s`)
    await everythingAnswers()
  })
}

t.test("SIGTERM stops everything", async (t) => {
  const { pids } = readState()
  t.equal(await up.stop("SIGTERM"), 0)
  t.same(Object.values(pids).filter(isAlive), [])
  t.same(readState().pids, {})
})

t.test("another start is quick and keeps the key and the data", async (t) => {
  const startedAt = performance.now()
  up = await start(t)
  const tookMs = performance.now() - startedAt
  t.comment(`took ${Math.round(tookMs)} ms`)
  t.ok(tookMs < 15_000, "quick, even while other tests keep the machine busy")
  t.equal(readState().apiKey, first.apiKey)
  t.equal(readState().databaseUrl, first.databaseUrl)
  t.equal(readState().redisUrl, first.redisUrl)
  const { json } = await api("GET", "/v1/links")
  t.match(json, { data: [{ url: "https://example.com/" }] })
})

t.test("a start after a kill finds what was left over and keeps the data", async (t) => {
  const { pids } = readState()
  await up.stop("SIGKILL")
  t.ok(Object.values(pids).every(isAlive), "a killed supervisor leaves its programs running")
  up = await start(t)
  t.match(up.output(), "left over from a run that was killed")
  t.same(Object.values(pids).filter(isAlive), [])
  t.equal(readState().apiKey, first.apiKey)
  t.match((await api("GET", "/v1/links")).json, { data: [{ url: "https://example.com/" }] })
  t.equal(await up.stop("SIGINT"), 0)
})

t.test("a lost key is replaced", async (t) => {
  await rm(`${dataDir}/up.json`)
  up = await start(t)
  t.not(readState().apiKey, first.apiKey)
  t.equal((await api("GET", "/v1/links")).status, 200)
  t.equal(await up.stop(), 0)
})

for (const variable of ["EDGE_PORT", "ADMIN_PORT"]) {
  t.test(`a taken ${variable} is said plainly, with what to do`, async (t) => {
    const squatter = createServer().listen(0, "127.0.0.1")
    t.teardown(() => squatter.close())
    await once(squatter, "listening")
    const address = squatter.address()
    const port = String(typeof address === "object" && address?.port)
    const refused = startUp({ [variable]: port })
    t.equal(await ended(refused), 1)
    t.match(refused.output(), `port ${port}`)
    t.match(refused.output(), `${variable}=`)
    t.notMatch(refused.output(), "    at ", "no stack")
  })
}

function startUp(env: Record<string, string> = {}) {
  return startChild("./scripts/up", [], { cwd: root, env: { ...environment, ...env } })
}

async function start(t: Test) {
  const child = startUp()
  const isUp = () => child.hasEnded || child.output().includes("Qiao is running")
  await waitFor("Qiao to run", isUp, { timeoutMs: 90_000 }).catch(() => undefined)
  const isRunning = isUp() && !child.hasEnded
  // In the name, which is all that a summary tells.
  t.ok(isRunning, isRunning ? "it is up" : `it is up: ${child.output().slice(-500)}`)
  return child
}

async function ended(child: Child) {
  await waitFor("it to end", () => child.hasEnded, { timeoutMs: 30_000 })
  return child.stop()
}

function readState(): UpJson {
  return JSON.parse(readFileSync(`${dataDir}/up.json`, "utf8"))
}

function api(method: string, path: string) {
  const { admin, apiKey } = readState()
  return apiClient(admin, apiKey)(method, path)
}

async function everythingAnswers() {
  const ops = Object.entries(environment).filter(([name]) => name.endsWith("_OPS_PORT"))
  const isReady = async ([, port = ""]: [string, string | undefined]) =>
    (await fetch(`http://127.0.0.1:${port}/healthz/ready`)).ok
  await waitFor("all to be ready", async () => (await Promise.all(ops.map(isReady))).every(Boolean))
  await waitFor("the API to answer", async () => (await api("GET", "/v1/links")).status === 200)
}
