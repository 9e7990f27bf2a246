import Fastify, { type FastifyBaseLogger, type FastifyInstance } from "fastify"
import { nanoid } from "nanoid"
import { Registry } from "prom-client"
import type { Config } from "./config.ts"
import { auth } from "./plugins/auth.ts"
import { db } from "./plugins/db.ts"
import { live } from "./plugins/live.ts"
import { metrics } from "./plugins/metrics.ts"
import { openapi } from "./plugins/openapi.ts"
import { passwords } from "./plugins/passwords.ts"
import { places } from "./plugins/places.ts"
import { problems, refuseUnparsable, sendProblem, toProblem } from "./plugins/problems.ts"
import { published } from "./plugins/published.ts"
import { rateLimit } from "./plugins/rate-limit.ts"
import { redis } from "./plugins/redis.ts"
import { safety } from "./plugins/safety.ts"
import { validation } from "./plugins/validation.ts"
import { Problem } from "./problem.ts"
import { banRoutes } from "./routes/bans.ts"
import { deadLetterRoutes } from "./routes/dead-letters.ts"
import { domainRoutes } from "./routes/domains.ts"
import { erasureRoutes } from "./routes/erasures.ts"
import { explainRoutes } from "./routes/explain.ts"
import { keyRoutes } from "./routes/keys.ts"
import { linkRoutes } from "./routes/links.ts"
import { reportRoutes } from "./routes/reports.ts"
import { ruleSetRoutes } from "./routes/rule-sets.ts"
import { accountingRoutes } from "./routes/stats/accounting.ts"
import { liveRoutes } from "./routes/stats/live.ts"
import { rawRoutes } from "./routes/stats/raw.ts"
import { rawExportRoutes } from "./routes/stats/raw-export.ts"
import { statsRoutes } from "./routes/stats.ts"
import { tagRoutes } from "./routes/tags.ts"
import { workspaceRoutes } from "./routes/workspaces.ts"

const HOUR_MS = 3_600_000
const BODY_MAX_BYTES = 64 * 1024
/** Of arrays and objects in each other: what checks and writes a body goes down them by calls. */
const BODY_MAX_LEVELS = 32

/** The admin API, not listening yet. Closing it closes its database and Redis connections. */
export async function buildApp(
  config: Config,
  log: FastifyBaseLogger,
  registry = new Registry(),
): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: log,
    genReqId: () => `req_${nanoid()}`,
    bodyLimit: BODY_MAX_BYTES,
    // A blocklist of millions takes longer to load than the 10 s that a plugin has by default.
    pluginTimeout: 0,
    routerOptions: { maxParamLength: 2_000 },
    frameworkErrors: (err, req, reply) => sendProblem(req, reply, toProblem(err)),
    trustProxy: config.TRUSTED_PROXIES.length > 0 && config.TRUSTED_PROXIES,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 5_000 },
    requestTimeout: 30_000,
    clientErrorHandler: refuseUnparsable,
  })
  app.removeContentTypeParser("text/plain")
  acceptJson(app)
  app.addHook("onRequest", async (req, reply) => {
    reply.header("x-request-id", req.id)
  })
  await app.register(metrics, { registry })
  await app.register(problems)
  await app.register(validation)
  await app.register(db, { url: config.DATABASE_URL, poolMax: config.DATABASE_POOL_MAX })
  await app.register(redis, { url: config.REDIS_URL })
  await app.register(published, { url: config.REDIS_URL, waitMs: config.PUBLISH_WAIT_MS })
  await app.register(live, {
    url: config.REDIS_URL,
    streamsMax: config.LIVE_STREAMS_MAX,
    lastsMs: config.LIVE_STREAM_SECONDS * 1_000,
    registry,
  })
  await app.register(auth, { unknownMax: config.RATE_LIMIT_ANONYMOUS_PER_MINUTE })
  await app.register(rateLimit, {
    max: config.RATE_LIMIT_PER_MINUTE,
    anonymousMax: config.RATE_LIMIT_ANONYMOUS_PER_MINUTE,
  })
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (req) => {
    throw new Problem(404, "no_such_route", `There is no ${req.method} on this path.`)
  })
  await app.register(safety, {
    appSchemes: config.APP_SCHEMES,
    allowPrivate: config.ALLOW_PRIVATE_TARGETS,
    shortenersFile: config.SHORTENERS_FILE ?? null,
    blocklistFiles: config.BLOCKLIST_FILES,
    blocklistExcept: config.BLOCKLIST_EXCEPT,
    blocklistEntriesMax: config.BLOCKLIST_ENTRIES_MAX,
    reloadMs: config.BLOCKLIST_RELOAD_MS,
  })
  await app.register(passwords)
  await app.register(places, { databases: config.GEO_DATABASES })
  await app.register(openapi)
  await app.register(
    async (v1) => {
      await v1.register(linkRoutes, { expectedLinks: config.EXPECTED_LINKS })
      await v1.register(explainRoutes)
      await v1.register(ruleSetRoutes)
      await v1.register(tagRoutes)
      await v1.register(domainRoutes)
      await v1.register(keyRoutes)
      await v1.register(workspaceRoutes)
      await v1.register(banRoutes, { bansMax: config.BANS_MAX })
      await v1.register(reportRoutes)
      await v1.register(erasureRoutes)
      await v1.register(statsRoutes, {
        visitsMax: config.STATS_VISITS_MAX,
        retentionDays: config.CLICK_RETENTION_DAYS,
      })
      await v1.register(rawRoutes, { visitsMax: config.STATS_VISITS_MAX })
      await v1.register(rawExportRoutes, { exportsMax: config.EXPORTS_MAX, registry })
      await v1.register(liveRoutes)
      const streams = {
        partitions: config.CLICK_PARTITIONS,
        horizonMs: config.SPILL_MAX_AGE_HOURS * HOUR_MS,
      }
      await v1.register(accountingRoutes, streams)
      await v1.register(deadLetterRoutes, streams)
    },
    { prefix: "/v1" },
  )
  return app
}

/**
 * JSON of a bounded depth. Clients that always send its content type may do so where there is nothing to send, as in a DELETE.
 */
function acceptJson(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser("error", "error")
  app.removeContentTypeParser("application/json")
  app.addContentTypeParser("application/json", { parseAs: "string" }, (req, body, done) => {
    const isUnwanted = body === "" && req.routeOptions.schema?.body === undefined
    if (isUnwanted) return done(null)
    parseJson(req, String(body), (err, value) => {
      if (err === null && isDeeperThan(BODY_MAX_LEVELS, value)) done(TOO_DEEP)
      else done(err, value)
    })
  })
}

const TOO_DEEP = new Problem(422, "too_deep", `The body has more than ${BODY_MAX_LEVELS} levels.`)

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((part) => isDeeperThan(levels - 1, part))
}
