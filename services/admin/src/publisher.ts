import { startOps } from "@qiao/core/ops.ts"
import { runProcess } from "@qiao/core/process.ts"
import { collectDefaultMetrics, Registry } from "prom-client"
import { parseConfig } from "./config.ts"
import { connectDb } from "./db/connect.ts"
import { createLog } from "./log.ts"
import { listenForDue } from "./publishing/listening.ts"
import { publisherMetrics } from "./publishing/publisher-metrics.ts"
import { beat, mend, type PublisherDeps, runPublishing } from "./publishing/publishing.ts"
import { connectRecords } from "./publishing/redis-records.ts"

const HEARTBEAT_MS = 1_000
const MEND_MS = 500

await runProcess(async () => {
  const config = parseConfig(process.env)
  const log = createLog("publisher", config.LOG_LEVEL)
  const onError = (err: Error) => log.warn({ err: err.message }, "connection")
  const db = connectDb(config.DATABASE_URL, 4, onError)
  const redis = connectRecords(config.REDIS_URL, log)
  const listener = listenForDue(config.DATABASE_URL, config.PUBLISH_POLL_MS, onError)
  const metrics = { published: 0, failures: 0, refills: 0 }
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  publisherMetrics(registry, db, metrics)
  const deps: PublisherDeps = {
    db,
    redis,
    log,
    metrics,
    batchMax: config.PUBLISH_BATCH_MAX,
    nextWake: listener.nextWake,
    doubt: { since: null },
  }
  redis.on("close", () => {
    deps.doubt ??= { since: new Date() }
  })
  redis.on("ready", listener.wake)

  const onFailure = (err: unknown) => log.warn({ err }, "publisher")
  const heartbeat = setInterval(() => beat(deps).catch(onFailure), HEARTBEAT_MS)
  let isMending = false
  const mending = setInterval(async () => {
    if (isMending) return
    isMending = true
    await mend(deps).catch(onFailure)
    isMending = false
  }, MEND_MS)

  const stopping = new AbortController()
  const running = runPublishing(deps, stopping.signal)
  const ops = await startOps({
    host: config.OPS_HOST,
    port: config.PUBLISHER_OPS_PORT,
    registry,
    isReady: () => redis.status === "ready" && listener.isListening(),
  })
  return {
    async stop() {
      stopping.abort()
      clearInterval(heartbeat)
      clearInterval(mending)
      listener.wake()
      await running
      await listener.close()
      redis.disconnect()
      await db.destroy()
      await ops.close()
    },
  }
})
