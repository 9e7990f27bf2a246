import { unpackBatch } from "../../packages/core/src/click.ts"
import { clickStreamKey } from "../../packages/core/src/keys.ts"
import { VISITS_KEY } from "../null-servers/keys.ts"
import type { RedisServer } from "../servers/stores.ts"

/** Of the four CLICK_PARTITIONS that an edge knows by default. */
const STREAMS = [0, 1, 2, 3].map(clickStreamKey)
const BATCHES_AT_ONCE = 100

/** What the bench itself says to Redis, heartbeats included; servers under test say none of it. */
const OWN_COMMANDS = new Set([
  "auth",
  "info",
  "hello",
  "client",
  "set",
  "mset",
  "publish",
  "xrange",
  "xdel",
  "del",
])

/** How many commands servers have sent so far. */
export async function commandsOfServers({ client }: RedisServer): Promise<number> {
  const stats = await client.info("commandstats")
  const calls = [...stats.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)]
  return calls.reduce((sum, [, name = "", count]) => sum + (OWN_COMMANDS.has(name) ? 0 : Number(count)), 0)
}

/** Bytes. */
export async function usedMemory({ client }: RedisServer): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1])
}

/** Takes all visits that edges have sent out of their streams, as ingest does, and says how many they are. */
export async function takeVisits({ client }: RedisServer): Promise<number> {
  let visits = 0
  for (const stream of STREAMS) {
    for (;;) {
      const entries = await client.xrange(stream, "-", "+", "COUNT", BATCHES_AT_ONCE)
      if (entries.length === 0) break
      for (const [, fields] of entries) visits += unpackBatch(fields[1] ?? "").visits.length
      await client.xdel(stream, ...entries.map(([id]) => id))
    }
  }
  return visits
}

/** Without counting them, which takes a while. */
export async function forgetVisits({ client }: RedisServer): Promise<void> {
  await client.del(...STREAMS)
}

/** What null servers have written. */
export async function forgetPlainVisits({ client }: RedisServer): Promise<void> {
  await client.del(VISITS_KEY)
}
