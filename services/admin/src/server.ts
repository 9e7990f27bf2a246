import { startOps } from "@qiao/core/ops.ts"
import { runProcess } from "@qiao/core/process.ts"
import { collectDefaultMetrics, Registry } from "prom-client"
import { buildApp } from "./app.ts"
import { parseConfig } from "./config.ts"
import { createLog } from "./log.ts"
import { forgetAttempts } from "./repositories/idempotency.ts"

const HOUR_MS = 3_600_000

await runProcess(async () => {
  const config = parseConfig(process.env)
  const log = createLog("admin", config.LOG_LEVEL)
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const app = await buildApp(config, log, registry)
  let isReady = false
  const ops = await startOps({
    host: config.OPS_HOST,
    port: config.ADMIN_OPS_PORT,
    registry,
    isReady: () => isReady,
  })
  await app.listen({ host: config.ADMIN_HOST, port: config.ADMIN_PORT })
  isReady = true
  const cleaning = setInterval(
    () => forgetAttempts(app.db).catch((err) => log.warn({ err }, "cleaning")),
    HOUR_MS,
  )
  return {
    async stop() {
      isReady = false
      clearInterval(cleaning)
      await app.close()
      await ops.close()
    },
  }
})
