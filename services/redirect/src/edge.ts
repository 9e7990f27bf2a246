import { randomBytes } from "node:crypto"
import { recordKindOf, recordName } from "@qiao/core/keys.ts"
import { openPlaces } from "@qiao/core/place.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import type { Logger } from "pino"
import { createAnswers } from "./answers.ts"
import { buildApp } from "./app.ts"
import { followBans } from "./bans.ts"
import { createBrandedPages } from "./branded-pages.ts"
import { createCaps } from "./caps.ts"
import { followChanges } from "./changes.ts"
import { createClickStreams } from "./click-streams.ts"
import { createClickRecorder } from "./clicks.ts"
import type { Config } from "./config.ts"
import { createCookies } from "./cookie.ts"
import { createGuideTokens } from "./guide-tokens.ts"
import { endWith } from "./last-answer.ts"
import { createLimit } from "./limits.ts"
import { createRegistry, createResults } from "./metrics.ts"
import { createPasswords } from "./passwords.ts"
import { createReaders } from "./readers.ts"
import { watchReadiness } from "./readiness.ts"
import { createRecordSource } from "./record-source.ts"
import { connectRedis } from "./redis.ts"
import { createReports } from "./reports.ts"
import { createSpill } from "./spill.ts"
import { createSynthetic } from "./synthetic.ts"
import { createUnlock } from "./unlock.ts"
import { createSee } from "./visit.ts"
import { createWaits } from "./waits.ts"

/** Where each of the edge's connections goes: one Redis, unless a test puts something in between. */
export type RedisUrls = { records: string; clicks: string; changes: string }

const REFRESH_EVERY_MS = 25

/** Everything of one edge process, wired but not yet listening. */
export function composeEdge(
  config: Config,
  log: Logger,
  urls: RedisUrls = { records: config.REDIS_URL, clicks: config.REDIS_URL, changes: config.REDIS_URL },
) {
  const placeOf = openPlaces(config.GEO_DATABASES)
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
      const name = recordName(key)
      switch (recordKindOf(name)) {
        case "link":
          return readers.links.invalidate(name, version)
        case "domain":
          return readers.domains.invalidate(name, version)
        case "rule_set":
          return readers.ruleSets.invalidate(name, version)
        case "bans":
          return bans.refresh()
      }
    },
    onGeneration: () => bans.refresh(),
  })
  const waits = createWaits({ deadlineMs: config.REDIS_DEADLINE_MS, max: config.MAX_IN_FLIGHT, now })
  const source = createRecordSource(redis, waits)
  const readers = createReaders(config, {
    ...{ source, changes, waits, now },
    // That Redis is away is said by its connection, and each failure is counted.
    onFailure: (err, name) => log.debug({ err, record: name }, "record not read"),
  })
  const refreshing = setInterval(() => {
    for (const reader of Object.values(readers)) reader.refresh()
  }, REFRESH_EVERY_MS).unref()
  const bans = followBans({
    ...{ source, changes, now },
    refreshMs: config.CACHE_TTL_MS,
    onFailure: (err) => log.debug({ err }, "bans not read"),
  })
  const streams = createClickStreams({
    redis: clickRedis,
    lengthMax: config.CLICK_STREAM_MAX,
    onFailure: (err) => log.debug({ err }, "click batch not sent; kept"),
  })
  const newId = () => randomBytes(9).toString("base64url")
  const spill =
    config.SPILL_DIR === undefined
      ? null
      : createSpill({ folder: config.SPILL_DIR, bytesMax: config.SPILL_MAX_MB * 2 ** 20, newId, log })
  const clicks = createClickRecorder({
    ...{ streams, spill },
    instance: newId(),
    partitions: config.CLICK_PARTITIONS,
    flushIntervalMs: config.CLICK_FLUSH_MS,
    heartbeatMs: config.CLICK_HEARTBEAT_MS,
    batchMax: config.CLICK_BATCH_MAX,
    bufferMax: config.CLICK_BUFFER_MAX,
    now: Date.now,
  })
  const limitOf = (max: number, windowMs: number) =>
    createLimit({ max, windowMs, keysMax: config.LIMITED_NETWORKS_MAX, now })
  const caps = createCaps(redis, waits)
  const passwords = createPasswords({
    wrongTries: limitOf(config.PASSWORD_TRIES, config.PASSWORD_WINDOW_MS),
    checksMax: config.PASSWORD_CHECKS_MAX,
  })
  const reports = createReports({
    ...{ redis, waits },
    perClient: limitOf(config.REPORTS_PER_HOUR, 3_600_000),
    storedMax: config.REPORTS_MAX,
  })
  const synthetic = createSynthetic(config.SYNTHETIC_SECRET)
  const results = createResults()
  const readiness = watchReadiness(redis, changes, bans, now)

  const app = buildApp(config, {
    ...{ ...readers, bans, caps, clicks, reports, results },
    answers: createAnswers({
      ...{ bans, results },
      pagesOf: createBrandedPages(),
      onError: (err) => log.error({ err }, "a request failed"),
    }),
    unlock: createUnlock(createCookies(config.COOKIE_SECRET, config.PASSWORD_COOKIE_SECONDS), passwords),
    see: createSee(createVisitors(config.VISITOR_MEMO_MAX), placeOf, synthetic),
    synthetic,
    unknownCodes: limitOf(config.UNKNOWN_CODES_PER_MINUTE, 60_000),
    newGuideToken: createGuideTokens(),
    newReportId: () => randomBytes(16).toString("base64url"),
    now: Date.now,
  })

  return {
    app,
    ...readers,
    ...{ bans, caps, changes, clicks, passwords, reports, results, synthetic, waits },
    registry: createRegistry({
      ...{ results, readers, waits, changes, bans, caps, passwords, reports, synthetic, now },
      ...{ clicks, streams, spill },
    }),
    isReady: readiness.isReady,

    /** Takes requests for a last while, finishes those that are open, sends or spills the clicks, lets go of Redis. */
    async stop(): Promise<{ lostVisits: number }> {
      readiness.stop()
      // Each connection ends with its next answer, so that none is cut under a request that is on its way.
      app.server.prependListener("request", (_req, res) => {
        endWith(res)
      })
      await new Promise((resolve) => setTimeout(resolve, config.DRAIN_MS))
      const cut = setTimeout(() => app.server.closeAllConnections(), config.CLOSE_MS).unref()
      await app.close()
      clearTimeout(cut)
      const lostVisits = await clicks.stop(config.CLICK_STOP_MS)
      await spill?.close()
      clearInterval(refreshing)
      bans.stop()
      changes.close()
      redis.disconnect()
      clickRedis.disconnect()
      return { lostVisits }
    },
  }
}
