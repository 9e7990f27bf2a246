import type { Bench } from "./bench.ts"
import { type Edge, startEdge } from "./edge.ts"
import { startHeartbeat } from "./heartbeat.ts"
import { type Seeding, seedLinks } from "./links.ts"
import { type RedisServer, startRedis } from "./stores.ts"

type Options = Seeding & { env?: Record<string, string> }

/** A Redis with so many links, and an edge before it. */
export async function startSeededEdge(
  bench: Bench,
  { env = {}, ...seeding }: Options,
): Promise<{ redis: RedisServer; edge: Edge }> {
  const redis = await startRedis(bench)
  await seedLinks(redis, seeding)
  await startHeartbeat(bench, redis)
  return { redis, edge: await startEdge(bench, { redisUrl: redis.url, env }) }
}
