import { openDetailedPlaces } from "@qiao/core/detailed-place.ts"
import { startOps } from "@qiao/core/ops.ts"
import { runProcess } from "@qiao/core/process.ts"
import { collectDefaultMetrics, Registry } from "prom-client"
import { parseConfig } from "./config.ts"
import { DAY_MS } from "./days.ts"
import { connectDb } from "./db/connect.ts"
import { ingestMetrics } from "./ingest/ingest-metrics.ts"
import { createIngestTurns, type IngestDeps, noIngestMetrics, runPartition } from "./ingest/ingesting.ts"
import { noReportMetrics, runReporting } from "./ingest/reporting.ts"
import { createLog } from "./log.ts"
import { connectRedis } from "./redis.ts"
import { noUpkeepMetrics, runUpkeep } from "./upkeep/upkeep.ts"

await runProcess(async () => {
  const config = parseConfig(process.env)
  const log = createLog("ingest", config.LOG_LEVEL)
  const redis = connectRedis(config.REDIS_URL, log, { name: "ingest", commandTimeout: 1_000 })
  const db = connectDb(config.DATABASE_URL, 1, (err) => log.warn({ err: err.message }, "connection"))
  const metrics = { ...noIngestMetrics(), ...noReportMetrics(), ...noUpkeepMetrics() }
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const horizonMs = config.SPILL_MAX_AGE_HOURS * 3_600_000
  const partitions = config.CLICK_PARTITIONS
  ingestMetrics(registry, { redis, db, partitions, horizonMs, counts: metrics, now: Date.now })
  const deps: IngestDeps = {
    databaseUrl: config.DATABASE_URL,
    redisUrl: config.REDIS_URL,
    log,
    now: Date.now,
    batchesMax: config.INGEST_BATCHES_MAX,
    horizonMs,
    // At least for as long as they can be requeued.
    deadLettersMs: Math.max(config.CLICK_RETENTION_DAYS * DAY_MS, horizonMs),
    placeOf: openDetailedPlaces(config.GEO_DATABASES),
    turns: createIngestTurns(),
    metrics,
  }
  const retention = {
    clickRetentionDays: config.CLICK_RETENTION_DAYS,
    rollupQuartersDays: config.ROLLUP_QUARTERS_DAYS,
    rollupValuesMax: { ofLinks: config.ROLLUP_LINK_VALUES_MAX, ofOthers: config.ROLLUP_VALUES_MAX },
  }
  const stopping = new AbortController()
  const running = [
    ...Array.from({ length: partitions }, (_, partition) => runPartition(deps, partition, stopping.signal)),
    runReporting({ ...deps, db, metrics }, stopping.signal),
    runUpkeep({ ...deps, ...retention, metrics }, stopping.signal),
  ]
  const ops = await startOps({
    host: config.OPS_HOST,
    port: config.INGEST_OPS_PORT,
    registry,
    // An ingest that owns nothing stands by for one that fails, which is as ready as it gets.
    isReady: () => redis.status === "ready",
  })
  return {
    async stop() {
      stopping.abort()
      await Promise.all(running)
      redis.disconnect()
      await db.destroy()
      await ops.close()
    },
  }
})
