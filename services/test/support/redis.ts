import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { Redis } from "ioredis"
import { localRedis } from "../../../scripts/lib/local-redis.ts"
import { freePort } from "../../../scripts/lib/ports.ts"
import { redisServer } from "../../../scripts/lib/redis-server.ts"
import { type Child, startChild } from "./child.ts"
import type { Scope } from "./scope.ts"
import { waitFor } from "./wait.ts"

export type TestRedis = {
  readonly url: string
  readonly port: number
  /** False for a server that was given by REDIS_URL: it can be neither killed nor restarted. */
  readonly isOurs: boolean
  flush(): Promise<void>
  /** Ends it politely, so that it writes everything out, and starts it on its data again. */
  restart(): Promise<void>
  /** Ends it as a crash would; `restart` brings it back. */
  kill(): Promise<void>
  /** Holds it where it is: it takes connections and answers nobody. */
  pause(): void
  resume(): void
}

type Options = { appendOnly?: boolean }

/** A Redis for this test alone. */
export async function startRedis(scope: Scope, options: Options = {}): Promise<TestRedis> {
  return process.env.REDIS_URL ? givenRedis(scope, process.env.REDIS_URL) : ownRedis(scope, options)
}

async function ownRedis(scope: Scope, { appendOnly = true }: Options): Promise<TestRedis> {
  const folder = await mkdtemp(`${tmpdir()}/qiao-redis-`)
  const port = await freePort()
  const server = await redisServer((line) => scope.comment(line))
  const redis = await localRedis({ server, folder, port, password: "test", appendOnly })
  const { command, args, cwd } = redis.program
  let child: Child | undefined

  async function start() {
    const started = startChild(command, args, { cwd })
    child = started
    await waitFor("Redis to answer", () => started.hasEnded || redis.answers())
    if (started.hasEnded) throw new Error(`redis-server ended:\n${started.output()}`)
  }

  scope.teardown(async () => {
    await child?.stop("SIGKILL")
    await rm(folder, { recursive: true, force: true })
  })
  await start()

  return {
    url: redis.url,
    port,
    isOurs: true,
    flush: () => withClient(redis.url, (client) => client.flushall()),
    async restart() {
      await child?.stop()
      await start()
    },
    async kill() {
      await child?.stop("SIGKILL")
    },
    pause: () => child?.pause(),
    resume: () => child?.resume(),
  }
}

/** Nobody's data is ever flushed: a server that holds any is refused. */
async function givenRedis(scope: Scope, url: string): Promise<TestRedis> {
  const flush = () => withClient(url, (client) => client.flushall())
  await withClient(url, async (client) => {
    const keyCount = await client.dbsize()
    if (keyCount > 0)
      throw new Error(`REDIS_URL must be an empty server for tests, it holds ${keyCount} keys`)
  })
  scope.teardown(flush)

  function notOurs(): never {
    throw new Error("the Redis of REDIS_URL cannot be stopped: ask `isOurs` first and skip the test")
  }
  return {
    url,
    port: Number(new URL(url).port) || 6379,
    isOurs: false,
    flush,
    restart: async () => notOurs(),
    kill: async () => notOurs(),
    pause: notOurs,
    resume: notOurs,
  }
}

async function withClient(url: string, use: (client: Redis) => Promise<unknown>) {
  const client = new Redis(url, { maxRetriesPerRequest: 0 })
  try {
    await use(client)
  } finally {
    client.disconnect()
  }
}
