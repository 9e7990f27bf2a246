import { Redis } from "ioredis"
import type { Crew } from "../../scripts/lib/crew.ts"
import { ensureDatabase, localPostgres } from "../../scripts/lib/local-postgres.ts"
import { localRedis } from "../../scripts/lib/local-redis.ts"
import { freePort } from "../../scripts/lib/ports.ts"
import { redisServer } from "../../scripts/lib/redis-server.ts"
import { type Bench, openBench, say } from "../lib/bench.ts"
import { cores, onCore } from "../lib/cores.ts"

export type Stores = {
  databaseUrl: string
  redisUrl: string
  crew: Crew
  /** Of the server's first process; undefined for one that was given. */
  postgresPid: number | undefined
  stop(): Promise<void>
}

/** A Postgres and a Redis for this run alone, as durable as those of `./scripts/up`. DATABASE_URL names an empty database of another. */
export async function startStores(): Promise<Stores> {
  const bench = await openBench()
  const { crew, stop } = bench
  try {
    const redis = await startRedis(bench, { isDurable: true, isPinned: false })
    const given = process.env.DATABASE_URL
    const postgres = given ? undefined : await startPostgres(bench, { isPinned: false })
    return {
      ...{ databaseUrl: given || (postgres?.url ?? ""), redisUrl: redis.url, crew, stop },
      postgresPid: postgres?.pid,
    }
  } catch (err) {
    await stop()
    throw err
  }
}

export type RedisServer = { url: string; port: number; password: string; client: Redis }

type Options = {
  /** Writes its AOF. */
  isDurable?: boolean
  /** To the core of the stores. */
  isPinned?: boolean
}

/** An empty Redis, and a client of it. */
export async function startRedis(
  bench: Bench,
  { isDurable = false, isPinned = true }: Options = {},
): Promise<RedisServer> {
  const [server, port, password] = [await redisServer(say), await freePort(), "bench"]
  const folder = `${bench.folder}/redis-${port}`
  const { program, url, answers } = await localRedis({
    server,
    folder,
    port,
    password,
    appendOnly: isDurable,
  })
  const member = await bench.crew.start(isPinned ? onCore(cores.stores, program) : program)
  await bench.crew.untilReady(member, answers)
  const client = new Redis(url)
  bench.onStop(async () => client.disconnect())
  return { url, port, password, client }
}

export async function startPostgres(
  { folder, crew }: Bench,
  { isPinned = true }: Pick<Options, "isPinned"> = {},
) {
  // A small server's settings: the rest is as Postgres comes.
  const settings = ["shared_buffers=1GB", "max_wal_size=4GB"]
  const postgres = await localPostgres({
    ...{ folder: `${folder}/postgres`, port: await freePort(), password: "bench", settings, say },
  })
  const member = await crew.start(isPinned ? onCore(cores.stores, postgres.program) : postgres.program)
  await crew.untilReady(member, postgres.answers)
  await ensureDatabase(postgres.url("postgres"), "bench")
  return { url: postgres.url("bench"), pid: member.pid }
}
