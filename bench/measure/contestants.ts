import type { Bench } from "../lib/bench.ts"
import type { Traffic } from "../load/traffic.ts"
import type { Edge } from "../servers/edge.ts"
import { seedPlainUrls } from "../servers/links.ts"
import { hasNginxLua, startNginxLua } from "../servers/nginx.ts"
import { startNullServer } from "../servers/null-servers.ts"
import { type RedisServer, startRedis } from "../servers/stores.ts"
import { keepBooks } from "./accounting.ts"
import type { Contestant } from "./contestant.ts"
import { forgetPlainVisits } from "./redis-use.ts"

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
