import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { Redis } from "ioredis"
import { Client, Pool } from "pg"
import { clickStreamKey } from "../../../packages/core/src/keys.ts"
import { freePort } from "../../../scripts/lib/ports.ts"
import { createDatabase } from "./database.ts"
import { type Member, startMember, waitForIngests } from "./member.ts"
import type { TestPostgres } from "./postgres.ts"
import { EDGE_ENV, type Management, startManagement } from "./qiao.ts"
import { startRedis, type TestRedis } from "./redis.ts"
import type { Scope } from "./scope.ts"
import { waitFor } from "./wait.ts"

/*
 * All of Qiao, made to be broken: each edge and each ingest has its own way to its stores, which can be paused and cut, and can be killed
 * and started again where it was. `db` and `redis` go to the stores directly.
 */

export type Testbed = {
  readonly edges: [Member, ...Member[]]
  readonly ingests: [Member, ...Member[]]
  readonly management: Management
  readonly store: TestRedis
  readonly redis: Redis
  readonly db: Pool
  openSession(): Promise<Client>
  readonly postgres: TestPostgres | undefined
  readonly codes: [string, ...string[]]
  /** Waits until nothing is on its way any more: all that edges hold is sent, and all that is in the streams is stored. */
  settle(): Promise<void>
}

export type TestbedOptions = {
  edges?: number
  ingests?: number
  env?: Record<string, string>
  /** Whose server it is, when that is to be restarted; else that of DATABASE_URL. */
  postgres?: TestPostgres
}

export const PARTITIONS = 2
/** The application name by which sessions of the tests are known among those of Qiao. */
export const OWN_SESSIONS = "click-checker"
export const ingestName = (n: number) => `ingest-${n}`
const SETTLE_MS = 60_000

/** Small batches and short waits, so that much happens in a second. */
const QUICK = {
  CLICK_PARTITIONS: String(PARTITIONS),
  CLICK_BATCH_MAX: "30",
  CLICK_DEADLINE_MS: "1000",
  CLICK_HEARTBEAT_MS: "1000",
  INGEST_BATCHES_MAX: "20",
  DRAIN_MS: "300",
  TRUSTED_PROXIES: "127.0.0.1/32",
  LOG_LEVEL: "info",
}

export async function startTestbed(
  scope: Scope,
  { edges = 1, ingests = 1, env = {}, postgres }: TestbedOptions = {},
): Promise<Testbed> {
  const [database, store] = await Promise.all([createDatabase(scope, postgres?.url), startRedis(scope)])
  const stores = { DATABASE_URL: database.url, REDIS_URL: store.url }
  const settings = { ...QUICK, ...env }
  const folder = await mkdtemp(`${tmpdir()}/qiao-spill-`)
  scope.teardown(() => rm(folder, { recursive: true, force: true }))
  const ownOf = {
    edge: async (n: number) => ({
      ...{ ...EDGE_ENV, SPILL_DIR: `${folder}/${n}` },
      EDGE_PORT: String(await freePort()),
    }),
    ingest: async (n: number) => ({ PGAPPNAME: ingestName(n) }),
  }
  const startMembers = async (name: "edge" | "ingest", count: number): Promise<[Member, ...Member[]]> => {
    const start = async (n: number) =>
      startMember(scope, name, stores, { ...settings, ...(await ownOf[name](n)) })
    const others = Array.from({ length: count - 1 }, (_, n) => start(n + 1))
    const [first, ...rest] = await Promise.all([start(0), ...others])
    return [first, ...rest]
  }
  const [management, edgeMembers, ingestMembers] = await Promise.all([
    startManagement(scope, { ...stores, ...settings }, "http://127.0.0.1"),
    startMembers("edge", edges),
    startMembers("ingest", ingests),
  ])
  const openSession = () => sessionOf(scope, database.url)
  const bed = {
    ...{ management, store, postgres, openSession },
    edges: edgeMembers,
    ingests: ingestMembers,
    codes: await createLinks(management),
    redis: directRedis(scope, store.url),
    db: directPostgres(scope, database.url),
  }
  return { ...bed, settle: () => settle(bed) }
}

/** Two links, one of them with two tags. */
async function createLinks({ api }: Management): Promise<[string, ...string[]]> {
  const create = async (code: string, tags: string[]) => {
    const answer = await api("POST", "/v1/links", { url: `https://shop.example/${code}`, code, tags })
    if (answer.status !== 201) throw new Error(answer.text)
    return code
  }
  return [await create("plain", []), await create("tagged", ["spring", "print"])]
}

async function settle({
  edges,
  ingests,
  redis,
}: Pick<Testbed, "edges" | "ingests" | "redis">): Promise<void> {
  const running = edges.filter(({ isRunning }) => isRunning)
  const isSent = async () => {
    for (const edge of running) {
      if ((await edge.metric("qiao_edge_visits_waiting")) > 0) return false
      if ((await edge.metric("qiao_edge_spill_segments")) > 0) return false
    }
    return true
  }
  await waitFor("the edges to have sent everything", isSent, { timeoutMs: SETTLE_MS })
  await Promise.all(running.map((edge) => edge.stop()))
  const isStored = async () => (await backlog(redis)) === 0
  await waitForIngests(ingests, "the streams to be empty", isStored, SETTLE_MS)
}

/** Batches in the streams: not yet stored, or stored and not yet acknowledged. */
export async function backlog(redis: Redis): Promise<number> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
  const lengths = await Promise.all(partitions.map((partition) => redis.xlen(clickStreamKey(partition))))
  return lengths.reduce((sum, length) => sum + length, 0)
}

function directRedis(scope: Scope, url: string): Redis {
  const redis = new Redis(url)
  redis.on("error", () => undefined)
  scope.teardown(() => redis.disconnect())
  return redis
}

/** It outlives restarts of the server. */
function directPostgres(scope: Scope, url: string): Pool {
  const db = new Pool({ connectionString: url, application_name: OWN_SESSIONS, max: 2 })
  db.on("error", () => undefined)
  scope.teardown(() => db.end())
  return db
}

async function sessionOf(scope: Scope, url: string): Promise<Client> {
  const db = new Client({ connectionString: url, application_name: OWN_SESSIONS })
  db.on("error", () => undefined)
  await db.connect()
  scope.teardown(() => db.end().catch(() => undefined))
  return db
}
