import { keepBooks } from "./accounting.ts"
import type { Bench } from "./bench.ts"
import type { Contestant } from "./contestant.ts"
import type { Edge } from "./edge.ts"
import { seedPlainUrls } from "./links.ts"
import { hasNginxLua, startNginxLua } from "./nginx.ts"
import { startNullServer } from "./null-servers.ts"
import { forgetPlainVisits } from "./redis-use.ts"
import { type RedisServer, startRedis } from "./stores.ts"
import type { Traffic } from "./traffic.ts"

export function edgeContestant(edge: Edge, redis: RedisServer, traffic: Traffic): Contestant {
  return { name: edge.name, server: edge, traffic, books: keepBooks(edge, redis) }
}

export async function bareFastify(bench: Bench, traffic: Traffic): Promise<Contestant> {
  const server = await startNullServer(bench, "bare Fastify")
  return { name: server.name, server, traffic }
}

/** Those that read their url from Redis and write their visit there with each request; their Redis has so many links. */
export async function plainRedirectors(bench: Bench, links: number, traffic: Traffic): Promise<Contestant[]> {
  const redis = await startRedis(bench)
  await seedPlainUrls(redis, links)
  const servers = [
    await startNullServer(bench, "Fastify + GET + XADD", redis.url),
    ...(hasNginxLua ? [await startNginxLua(bench, redis)] : []),
  ]
  const afterRound = () => forgetPlainVisits(redis)
  return servers.map((server) => ({ name: server.name, server, traffic, afterRound }))
}
