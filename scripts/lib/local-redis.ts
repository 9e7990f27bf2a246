import { mkdir } from "node:fs/promises"
import { Redis } from "ioredis"
import { writePrivately } from "./files.ts"
import type { Program } from "./supervisor.ts"

type Options = { server: string; folder: string; port: number; password: string; appendOnly?: boolean }

export type LocalRedis = { program: Program; url: string; answers(): Promise<boolean> }

/** A Redis of our own that only this machine, with the password, can reach. */
export async function localRedis(options: Options): Promise<LocalRedis> {
  const { server, folder, port, password } = options
  const config = `${folder}/redis.conf`
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writePrivately(config, configuration(options))
  const url = `redis://:${password}@127.0.0.1:${port}`
  return {
    program: { name: "redis", command: server, args: [config], cwd: folder },
    url,
    answers: () => answers(url),
  }
}

/** Its process keeps its command line, by which a left-over one is known. */
function configuration({ folder, port, password, appendOnly = true }: Options) {
  return `bind 127.0.0.1
port ${port}
protected-mode yes
requirepass ${password}
dir "${folder}"
appendonly ${appendOnly ? "yes" : "no"}
appendfsync everysec
save ""
maxmemory-policy noeviction
set-proc-title no
`
}

async function answers(url: string) {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: null, enableOfflineQueue: false })
  redis.on("error", () => undefined)
  try {
    await redis.connect() // it resolves only when the data is loaded
    return true
  } finally {
    redis.disconnect()
  }
}
