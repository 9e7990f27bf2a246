import type { Bench } from "../lib/bench.ts"
import { usedMemory } from "../measure/redis-use.ts"
import { type Edge, startEdge } from "./edge.ts"
import { startHeartbeat } from "./heartbeat.ts"
import { type Seeding, seedLinks } from "./links.ts"
import { type RedisServer, startRedis } from "./stores.ts"

type Options = Seeding & { name?: string; env?: Record<string, string> }

/** A Redis with so many links, each of which took so many bytes, and an edge before it. */
export async function startSeededEdge(
  bench: Bench,
  { name, env = {}, ...seeding }: Options,
): Promise<{ redis: RedisServer; edge: Edge; redisBytesPerLink: number }> {
  const redis = await startRedis(bench)
  const emptyBytes = await usedMemory(redis)
  await seedLinks(redis, seeding)
  const redisBytesPerLink = ((await usedMemory(redis)) - emptyBytes) / seeding.links
  await startHeartbeat(bench, redis)
  const edge = await startEdge(bench, { redisUrl: redis.url, env, ...(name !== undefined && { name }) })
  return { redis, edge, redisBytesPerLink }
}
