import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { keptSecret, readJson, writePrivately } from "./files.ts"
import { type LocalPostgres, localPostgres } from "./local-postgres.ts"
import { type LocalRedis, localRedis } from "./local-redis.ts"
import { PlainError } from "./plain-error.ts"
import { preferPort } from "./ports.ts"
import { redisServer } from "./redis-server.ts"

type Say = (line: string) => void

/** The private Postgres of the folder. */
export async function keptPostgres(folder: string, say: Say): Promise<LocalPostgres> {
  const passwordFile = `${folder}/postgres.password`
  if (existsSync(`${folder}/postgres`) && !existsSync(passwordFile)) {
    throw new PlainError(
      `${passwordFile} is missing, and with it the way into the data: ` +
        `put it back, or move ${folder}/postgres away to begin anew`,
    )
  }
  return localPostgres({
    folder: `${folder}/postgres`,
    port: await keptPort(folder, "postgres"),
    password: await keptSecret(passwordFile),
    say,
  })
}

/** The private Redis of the folder. */
export async function keptRedis(folder: string, say: Say): Promise<LocalRedis> {
  return localRedis({
    server: await redisServer(say),
    folder: `${folder}/redis`,
    port: await keptPort(folder, "redis"),
    password: await keptSecret(`${folder}/redis.password`),
  })
}

/** The port of the last start if it is still free, so that noted urls stay right. */
async function keptPort(folder: string, name: string) {
  const path = `${folder}/${name}.port`
  await mkdir(folder, { recursive: true })
  const last = await readJson(path)
  const port = await preferPort(typeof last === "number" ? last : undefined)
  await writePrivately(path, String(port))
  return port
}
