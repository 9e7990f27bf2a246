import { writeFile } from "node:fs/promises"
import { parseArgs } from "node:util"
import { freePort } from "../scripts/lib/ports.ts"
import { root, services } from "../scripts/lib/services.ts"
import { setUp } from "../scripts/lib/setup.ts"
import { waitFor } from "../scripts/lib/wait.ts"
import { withClient } from "./ingest/database.ts"
import { makeWorkspace } from "./ingest/workspace.ts"
import { samplesOf, sumOf } from "./measure/metrics.ts"
import { cpuOfFamily } from "./measure/process-use.ts"
import { type Stores, startStores } from "./servers/stores.ts"
import { fillCounts, fillVisits, tidyCounts } from "./stats/filling.ts"
import {
  type Question,
  questionsAbout,
  questionsOfVisitors,
  questionsOfWorkspaces,
} from "./stats/questions.ts"

/*
 * How long statistics take over HTTP, one question after another, with a year of counts of 100 million clicks: first with no single visit
 * in the database, then with millions of them, which must make no difference.
 */
const { values: options } = parseArgs({
  options: {
    clicks: { type: "string", default: "100000000" },
    visits: { type: "string", default: "3000000" },
    rounds: { type: "string", default: "20" },
    /** The database of DATABASE_URL was filled by an earlier run. */
    filled: { type: "boolean", default: false },
    json: { type: "string" },
  },
})
const UPKEEP_MAX_MS = 1_800_000
const rounds = Number(options.rounds)
const say = (line: string) => console.error(line)
const today = new Date().toISOString().slice(0, 10)

/** Milliseconds; `cpu` is what the admin process and a Postgres of our own used for one answer on average. */
type Times = { name: string; p50: number; p95: number; p99: number; cpu: number }

const stores = await startStores()
try {
  if (!options.filled) {
    await makeWorkspace(stores.databaseUrl, stores.redisUrl)
    await withClient(stores.databaseUrl, (client) =>
      fillCounts(client, { clicks: Number(options.clicks), today, say }),
    )
    await keepUp(stores)
    await withClient(stores.databaseUrl, tidyCounts)
  }
  const admin = await startAdmin(stores)
  const report = { "no single visits": await measure(admin), "single visits": {} }
  await withClient(stores.databaseUrl, (client) => fillVisits(client, Number(options.visits), today))
  say(`${Number(options.visits).toLocaleString("en")} single visits`)
  report["single visits"] = await measure(admin)
  if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`)
} finally {
  await stores.stop()
}

/** Has ingest do its upkeep once. */
async function keepUp({ databaseUrl, redisUrl, crew }: Stores): Promise<void> {
  const opsPort = await freePort()
  const env = {
    ...process.env,
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG_LEVEL: "warn" },
    INGEST_OPS_PORT: String(opsPort),
  }
  const args = [`${root}/${services.ingest.script}`]
  const ingest = await crew.start({ name: "ingest", command: process.execPath, args, cwd: root, env })
  const isDone = async () => {
    const answer = await fetch(`http://127.0.0.1:${opsPort}/metrics`)
    return sumOf(samplesOf(await answer.text()), "qiao_ingest_upkeeps_total") > 0
  }
  const startedAt = performance.now()
  await waitFor("the upkeep", isDone, { timeoutMs: UPKEEP_MAX_MS, intervalMs: 500 })
  await ingest.stop()
  say(`folded within ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
}

type Admin = {
  /** Gives the milliseconds that the whole answer took. */
  ask(question: Question, scope: Record<string, string>): Promise<number>
  /** Milliseconds used until now. */
  cpu(): number
}

async function startAdmin({ databaseUrl, redisUrl, crew, postgresPid }: Stores): Promise<Admin> {
  const [port, opsPort] = [await freePort(), await freePort()]
  const env = {
    ...process.env,
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG_LEVEL: "warn" },
    ...{ ADMIN_PORT: String(port), ADMIN_OPS_PORT: String(opsPort), RATE_LIMIT_PER_MINUTE: "1000000" },
  }
  const apiKey = await setUp(env, "http://localhost", ["--new-key"])
  const args = [`${root}/${services.admin.script}`]
  const member = await crew.start({ name: "admin", command: process.execPath, args, cwd: root, env })
  const base = `http://127.0.0.1:${port}/v1/stats`
  await crew.untilReady(member, async () => (await fetch(`http://127.0.0.1:${opsPort}/healthz/ready`)).ok)
  const ask: Admin["ask"] = async ({ path, params }, scope) => {
    const startedAt = performance.now()
    const answer = await fetch(`${base}/${path}?${new URLSearchParams({ ...params, ...scope })}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    const text = await answer.text()
    const tookMs = performance.now() - startedAt
    if (answer.status !== 200 || text.includes('"source":"visits"'))
      throw new Error(`${path} ${JSON.stringify({ ...params, ...scope })}: ${text.slice(0, 500)}`)
    return tookMs
  }
  const pids = [member.pid, postgresPid].filter((pid) => pid !== undefined)
  const cpu = () => pids.reduce((sum, pid) => sum + cpuOfFamily(pid), 0) / 1_000
  return { ask, cpu }
}

/** Each question of other links, tags and domains each time: the most visited and any. */
async function measure(admin: Admin): Promise<Record<string, Times[]>> {
  const { links, tags, domains } = await readScopes()
  const about = questionsAbout(today)
  const ofVisitors = questionsOfVisitors(today)
  const ofWorkspaces = questionsOfWorkspaces(today)
  return {
    link: await measureEach(
      admin,
      [...about, ...ofVisitors],
      links.map((link) => ({ link })),
    ),
    workspace: await measureEach(admin, [...about, ...ofVisitors, ...ofWorkspaces], [{}]),
    "tag and domain": await measureEach(admin, about, [
      ...tags.map((tag) => ({ tag })),
      ...domains.map((domain) => ({ domain })),
    ]),
  }
}

async function readScopes() {
  return withClient(stores.databaseUrl, async (client) => {
    const idsOf = async (sql: string) => (await client.query<{ id: string }>(sql)).rows.map(({ id }) => id)
    const most = await idsOf("select id from links order by md5(id) limit 10")
    const any = await idsOf("select id from links order by md5(id) offset 10 limit 10000")
    const links = Array.from(
      { length: rounds },
      (_, i) => (i % 2 === 0 ? most[(i / 2) % most.length] : any[(i * 997) % any.length]) ?? "",
    )
    return {
      links,
      tags: await idsOf("select id from tags order by id limit 4"),
      domains: await idsOf("select id from domains"),
    }
  })
}

async function measureEach(
  { ask, cpu }: Admin,
  questions: Question[],
  scopes: Record<string, string>[],
): Promise<Times[]> {
  const all: number[] = []
  const times: Times[] = []
  for (const question of questions) await ask(question, scopes[0] ?? {})
  const cpuAtFirst = cpu()
  for (const question of questions) {
    const taken: number[] = []
    const cpuBefore = cpu()
    for (let round = 0; round < rounds; round++) {
      taken.push(await ask(question, scopes[round % scopes.length] ?? {}))
    }
    times.push(timesOf(question.name, taken, cpu() - cpuBefore))
    all.push(...taken)
  }
  times.push(timesOf("all", all, cpu() - cpuAtFirst))
  console.log(`\n${Object.keys(scopes[0] ?? {})[0] ?? "workspace"}: milliseconds p50, p95, p99, and CPU`)
  for (const { name, p50, p95, p99, cpu } of times) {
    console.log(name.padEnd(60) + [p50, p95, p99, cpu].map((ms) => ms.toFixed(1).padStart(8)).join(""))
  }
  return times
}

function timesOf(name: string, values: number[], cpu: number): Times {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { name, p50: at(0.5), p95: at(0.95), p99: at(0.99), cpu: cpu / values.length }
}
