import { startOps } from "@qiao/core/ops.ts"
import { runProcess } from "@qiao/core/process.ts"
import { collectDefaultMetrics, Registry } from "prom-client"
import { parseConfig } from "./config.ts"
import { ingestMetrics } from "./ingest-metrics.ts"
import { type IngestDeps, runPartition } from "./ingesting.ts"
import { createLog } from "./log.ts"
import { connectRedis } from "./redis.ts"

await runProcess(async () => {
  const config = parseConfig(process.env)
  const log = createLog("ingest", config.LOG_LEVEL)
  const redis = connectRedis(config.REDIS_URL, log, { name: "ingest", commandTimeout: 1_000 })
  const metrics = {
    visits: 0,
    batches: 0,
    duplicateBatches: 0,
    expiredVisits: 0,
    deadLettered: 0,
    failures: 0,
    owned: 0,
  }
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  ingestMetrics(registry, redis, config.CLICK_PARTITIONS, metrics)
  const deps: IngestDeps = {
    databaseUrl: config.DATABASE_URL,
    redisUrl: config.REDIS_URL,
    log,
    now: Date.now,
    batchesMax: config.INGEST_BATCHES_MAX,
    horizonMs: config.SPILL_MAX_AGE_HOURS * 3_600_000,
    metrics,
  }
  const stopping = new AbortController()
  const running = Array.from({ length: config.CLICK_PARTITIONS }, (_, partition) =>
    runPartition(deps, partition, stopping.signal),
  )
  const ops = await startOps({
    host: config.OPS_HOST,
    port: config.INGEST_OPS_PORT,
    registry,
    // An ingest that owns nothing stands by for one that fails, which is as ready as it gets.
    isReady: () => redis.status === "ready",
  })
  return async () => {
    stopping.abort()
    await Promise.all(running)
    redis.disconnect()
    await ops.close()
  }
})
