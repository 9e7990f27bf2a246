import { randomBytes } from "node:crypto"
import { type DomainRecord, decodeDomain, decodeLink } from "@qiao/core/record.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import type { Logger } from "pino"
import { buildApp } from "./app.ts"
import { createCaps } from "./caps.ts"
import { followChanges } from "./changes.ts"
import { createClickRecorder } from "./clicks.ts"
import type { Config } from "./config.ts"
import { createRecordReader } from "./links.ts"
import { createRegistry, createResults } from "./metrics.ts"
import { createPages } from "./pages/pages.ts"
import { prepareLink } from "./prepare.ts"
import { watchReadiness } from "./readiness.ts"
import { connectRedis } from "./redis.ts"
import { createWaits } from "./waits.ts"

/** Where each of the edge's connections goes: one Redis, unless a test puts something in between. */
export type RedisUrls = { records: string; clicks: string; changes: string }

/** Everything of one edge process, wired but not yet listening. */
export async function composeEdge(
  config: Config,
  log: Logger,
  urls: RedisUrls = { records: config.REDIS_URL, clicks: config.REDIS_URL, changes: config.REDIS_URL },
) {
  const now = () => performance.now()
  const silenceMaxMs = config.REDIS_SILENCE_MAX_MS
  const redis = connectRedis(urls.records, log, { name: "records", silenceMaxMs })
  const clickRedis = connectRedis(urls.clicks, log, {
    name: "clicks",
    silenceMaxMs,
    commandTimeout: config.CLICK_DEADLINE_MS,
  })
  const changes = followChanges({
    redis: connectRedis(urls.changes, log, { name: "changes", silenceMaxMs }),
    heartbeatGapMs: config.HEARTBEAT_GAP_MS,
    now,
    onChange(key, version) {
      links.invalidate(key, version)
      domains.invalidate(key, version)
    },
  })
  const waits = createWaits({ deadlineMs: config.REDIS_DEADLINE_MS, max: config.MAX_IN_FLIGHT, now })
  const shared = {
    redis,
    changes,
    waits,
    unknownMax: config.CACHE_MAX_UNKNOWN,
    ttlMs: config.CACHE_TTL_MS,
    unknownTtlMs: config.UNKNOWN_TTL_MS,
    staleMaxMs: config.STALE_MAX_MS,
    now,
    random: Math.random,
    // That Redis is away is said by its connection, and each failure is counted.
    onFailure: (err: unknown, key: string) => log.debug({ err, key }, "record not read"),
  }
  const links = createRecordReader({
    ...shared,
    decode: decodeLink,
    prepare: prepareLink,
    entriesMax: config.CACHE_MAX_LINKS,
  })
  const domains = createRecordReader({
    ...shared,
    decode: decodeDomain,
    prepare: (domain: DomainRecord) => domain,
    entriesMax: config.CACHE_MAX_DOMAINS,
  })
  const clicks = createClickRecorder({
    redis: clickRedis,
    instance: randomBytes(9).toString("base64url"),
    partitions: config.CLICK_PARTITIONS,
    flushIntervalMs: config.CLICK_FLUSH_MS,
    batchMax: config.CLICK_BATCH_MAX,
    bufferMax: config.CLICK_BUFFER_MAX,
    now: Date.now,
    onFailure: (err) => log.debug({ err }, "click batch not sent; kept"),
  })
  const caps = createCaps(redis, waits)
  const results = createResults()
  const readiness = watchReadiness(redis, changes, now)

  const app = await buildApp(config, {
    links,
    domains,
    caps,
    clicks,
    pages: createPages(),
    visitorOf: createVisitors(config.VISITOR_MEMO_MAX),
    results,
    now: Date.now,
    onError: (err) => log.error({ err }, "a request failed"),
  })

  return {
    app,
    clicks,
    links,
    domains,
    waits,
    changes,
    results,
    registry: createRegistry({ results, readers: { links, domains }, waits, changes, caps, clicks, now }),
    isReady: readiness.isReady,

    /** Takes requests for a last while, finishes those that are open, sends the clicks, lets go of Redis. */
    async stop(): Promise<{ lostVisits: number }> {
      readiness.stop()
      // Each connection ends with its next answer, so that none is cut under a request that is on its way.
      app.server.prependListener("request", (_req, res) => {
        res.shouldKeepAlive = false
      })
      await new Promise((resolve) => setTimeout(resolve, config.DRAIN_MS))
      const cut = setTimeout(() => app.server.closeAllConnections(), config.CLOSE_MS).unref()
      await app.close()
      clearTimeout(cut)
      const lostVisits = await clicks.stop(config.CLICK_STOP_MS)
      changes.close()
      redis.disconnect()
      clickRedis.disconnect()
      return { lostVisits }
    },
  }
}
