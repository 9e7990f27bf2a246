import { once } from "node:events"
import { parseArgs } from "node:util"
import { parseConfig } from "./config.ts"
import { connectDb } from "./db/connect.ts"
import { createLog } from "./log.ts"
import { findDrift, repairDrift } from "./publishing/drift.ts"
import { connectRecords } from "./publishing/redis-records.ts"
import { refill } from "./publishing/refill.ts"

const USAGE = `usage: rebuild-redis [--check | --repair]

Without an option: fills Redis anew from Postgres; whatever Redis held before loses.
--check   compares Redis with Postgres, changes nothing; exits 1 when they differ
--repair  the same, then mends what differs`

const SHOWN_MAX = 20

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { check: { type: "boolean" }, repair: { type: "boolean" } } })
  const config = parseConfig(process.env)
  const log = createLog("rebuild-redis", config.LOG_LEVEL)
  const onError = (err: Error) => log.error({ err: err.message }, "connection")
  const db = connectDb(config.DATABASE_URL, 4, onError)
  const redis = connectRecords(config.REDIS_URL, log)
  try {
    await once(redis, "ready", { signal: AbortSignal.timeout(10_000) })
    if (values.check || values.repair) return await checkDrift(values.repair === true)
    if (await refill({ db, redis, log })) return 0
    console.error("Another refill is at work already.")
    return 1
  } finally {
    redis.disconnect()
    await db.destroy()
  }

  async function checkDrift(isRepairing: boolean): Promise<number> {
    const drift = await findDrift(db, redis)
    const { compared, ...kinds } = drift
    console.log(`compared ${compared} records`)
    for (const [kind, keys] of Object.entries(kinds)) {
      console.log(`${kind}: ${keys.length}`)
      for (const key of keys.slice(0, SHOWN_MAX)) console.log(`  ${key}`)
      if (keys.length > SHOWN_MAX) console.log(`  and ${keys.length - SHOWN_MAX} more`)
    }
    if (Object.values(kinds).every((keys) => keys.length === 0)) return 0
    if (!isRepairing) return 1
    await repairDrift(db, redis, drift)
    console.log("what is missing or stale is due again, what was left over is gone")
    if (drift.newer.length === 0) return 0
    console.error("Redis is newer than Postgres: run rebuild-redis without an option.")
    return 1
  }
}

try {
  process.exitCode = await main()
} catch (err) {
  console.error(err instanceof Error ? err.message : err)
  console.error(USAGE)
  process.exitCode = 1
}
