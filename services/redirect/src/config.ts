import { availableParallelism } from "node:os"
import { count, logLevel, networks, parseEnv, port, redisUrl, words } from "@qiao/core/env.ts"
import { z } from "zod"

/** The edge's settings. */
export type Config = ReturnType<typeof parseConfig>

export function parseConfig(env: NodeJS.ProcessEnv) {
  return parseEnv(schema, env)
}

/** How long an edge takes to stop at most, and a little more. */
export function stopMaxMsOf({ DRAIN_MS, CLOSE_MS, CLICK_STOP_MS }: Config): number {
  return DRAIN_MS + CLOSE_MS + CLICK_STOP_MS + 1_000
}

const schema = z.object({
  EDGE_HOST: z.string().default("127.0.0.1"),
  EDGE_PORT: port(8080),
  OPS_HOST: z.string().default("127.0.0.1"),
  EDGE_OPS_PORT: port(9080),
  /** Edges that share EDGE_PORT, a process each; `auto`: one for each core. */
  WORKERS: z.union([z.literal("auto").transform(() => availableParallelism()), count(1)], {
    error: "must be a whole number or auto",
  }),
  /** A worker that replaces another gets ready in this time, or the other one stays: without Redis nobody does. */
  WORKER_READY_MS: count(30_000),
  LOG_LEVEL: logLevel,
  TRUSTED_PROXIES: networks,

  /** Open at the same time; more are closed as they come. Each takes a file descriptor, as Redis and the spill do. */
  CONNECTIONS_MAX: count(10_000),
  /** From a connection, or a request's first byte, until the whole request is there. */
  CLIENT_REQUEST_MS: count(10_000),
  /**
   * A connection on which nothing moves; where an answer waits to be taken it may be twice as long. Longer than balancers keep idle ones
   * (60 s), so that they close them first.
   */
  CLIENT_IDLE_MS: count(72_000),

  REDIS_URL: redisUrl,
  /** A visitor waits no longer than this for Redis. */
  REDIS_DEADLINE_MS: count(250),
  /** A connection that owes an answer for this long is dropped and made anew. */
  REDIS_SILENCE_MAX_MS: count(2_000),
  /** Requests that wait for Redis at the same time; more are answered at once, stale or with 503. */
  MAX_IN_FLIGHT: count(1_000),
  /** The publisher's heartbeat comes each second; silence for longer and nothing cached is trusted unread. */
  HEARTBEAT_GAP_MS: count(3_000),

  CACHE_MAX_LINKS: count(200_000),
  CACHE_MAX_DOMAINS: count(10_000),
  CACHE_MAX_RULE_SETS: count(10_000),
  /** Of memory, estimated: records differ by a thousand times in size. */
  CACHE_MAX_LINKS_MB: count(256),
  CACHE_MAX_DOMAINS_MB: count(256),
  CACHE_MAX_RULE_SETS_MB: count(64),
  /** Absolute, jittered by ±10 %, so that entries read together do not expire together. */
  CACHE_TTL_MS: count(60_000),
  CACHE_MAX_UNKNOWN: count(50_000),
  UNKNOWN_TTL_MS: count(2_000),
  /** How old a value may be that is served because Redis fails. */
  STALE_MAX_MS: count(86_400_000),
  VISITOR_MEMO_MAX: count(200_000),

  CLICK_FLUSH_MS: count(250),
  CLICK_BATCH_MAX: count(1_000),
  /** Visits held in memory while they can be neither sent nor spilled; more are dropped and counted. */
  CLICK_BUFFER_MAX: count(100_000),
  CLICK_PARTITIONS: count(4),
  CLICK_DEADLINE_MS: count(2_000),
  /** Batches that wait in the edge's stream; beyond, the edge spills. */
  CLICK_STREAM_MAX: count(5_000),
  /** An edge without visits says this often that it is there, with its counters. */
  CLICK_HEARTBEAT_MS: count(60_000),
  /** Where batches go that cannot be sent: a folder of this edge alone. Without it they wait in memory. */
  SPILL_DIR: z.string().optional(),
  /** Of all workers together. */
  SPILL_MAX_MB: count(1_024),
  /** Signs the header of visits that are counted apart; without it there are none. */
  SYNTHETIC_SECRET: z.string().min(32, "must be at least 32 characters").optional(),

  UNKNOWN_CODES_PER_MINUTE: count(60),
  /** What is remembered for each limit: networks, clients, or clients and the links whose passwords they try. */
  LIMITED_NETWORKS_MAX: count(20_000),

  /** Signs the cookies that say "the password was given"; the same on every edge. */
  COOKIE_SECRET: z.string({ error: "is not set" }).min(32, "must be at least 32 characters"),
  PASSWORD_COOKIE_SECONDS: count(43_200),
  /** Wrong passwords that one client may try on one link, in so long a window. */
  PASSWORD_TRIES: count(10),
  PASSWORD_WINDOW_MS: count(600_000),
  /** At a time, and one of each client network. Each takes 16 MB and a core for about 50 ms. */
  PASSWORD_CHECKS_MAX: count(2),

  /** Reports of one client. */
  REPORTS_PER_HOUR: count(5),
  /** Reports that wait in Redis; more are refused. */
  REPORTS_MAX: count(10_000),

  /** City databases in MaxMind's format, instead of those that come with Qiao. */
  GEO_DATABASES: words,

  /** After SIGTERM: how long requests are still taken while the balancer looks away. */
  DRAIN_MS: count(1_000, 0),
  /** After that: how long open requests may take, and then how long the last clicks. */
  CLOSE_MS: count(4_000),
  CLICK_STOP_MS: count(5_000),
})
