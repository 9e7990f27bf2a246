import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { type Crew, newCrew } from "../../scripts/lib/crew.ts"
import { ensureDatabase, localPostgres } from "../../scripts/lib/local-postgres.ts"
import { localRedis } from "../../scripts/lib/local-redis.ts"
import { freePort } from "../../scripts/lib/ports.ts"
import { redisServer } from "../../scripts/lib/redis-server.ts"

export type Stores = {
  databaseUrl: string
  redisUrl: string
  crew: Crew
  /** Of the server's first process; undefined for one that was given. */
  postgresPid: number | undefined
  stop(): Promise<void>
}

const say = (line: string) => console.error(line)

/** A Postgres and a Redis for this run alone, as durable as those of `./scripts/up`. DATABASE_URL names an empty database of another. */
export async function startStores(): Promise<Stores> {
  const folder = await mkdtemp(`${tmpdir()}/qiao-bench-`)
  await chmod(folder, 0o755) // Postgres may run under its own account
  const crew = newCrew({ folder, say, onChange: async () => undefined })
  const stop = async () => {
    await crew.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const server = await redisServer(say)
    const redis = await localRedis({
      server,
      folder: `${folder}/redis`,
      port: await freePort(),
      password: "bench",
    })
    await crew.untilReady(await crew.start(redis.program), redis.answers)
    const given = process.env.DATABASE_URL
    const postgres = given ? undefined : await startPostgres(folder, crew)
    return {
      ...{ databaseUrl: given || (postgres?.url ?? ""), redisUrl: redis.url, crew, stop },
      postgresPid: postgres?.pid,
    }
  } catch (err) {
    await stop()
    throw err
  }
}

async function startPostgres(folder: string, crew: Crew) {
  // A small server's settings: the rest is as Postgres comes.
  const settings = ["shared_buffers=1GB", "max_wal_size=4GB"]
  const postgres = await localPostgres({
    ...{ folder: `${folder}/postgres`, port: await freePort(), password: "bench", settings, say },
  })
  const member = await crew.start(postgres.program)
  await crew.untilReady(member, postgres.answers)
  await ensureDatabase(postgres.url("postgres"), "bench")
  return { url: postgres.url("bench"), pid: member.pid }
}
