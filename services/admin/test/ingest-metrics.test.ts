import { CLICK_GROUP, clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import { Registry } from "prom-client"
import t from "tap"
import { createDatabase } from "../../test/support/database.ts"
import { startRedis } from "../../test/support/redis.ts"
import { connectDb } from "../src/db/connect.ts"
import { ingestMetrics } from "../src/ingest/ingest-metrics.ts"
import { noIngestMetrics } from "../src/ingest/ingesting.ts"
import { noReportMetrics } from "../src/ingest/reporting.ts"
import { keepUp, noUpkeepMetrics } from "../src/upkeep/upkeep.ts"
import { redisClient } from "./support/redis.ts"
import { connect, RETENTION } from "./support/upkeep.ts"

const NOW_MS = Date.UTC(2026, 5, 15, 10, 30)

t.test("what waits, for how long, and what is kept can be seen", async (t) => {
  const [{ url }, server] = await Promise.all([createDatabase(t), startRedis(t, { appendOnly: false })])
  const redis = redisClient(t, server.url)
  const client = await connect(t, url)
  const db = connectDb(url, 1, () => undefined)
  t.teardown(() => db.destroy())
  const counts = { ...noIngestMetrics(), ...noReportMetrics(), ...noUpkeepMetrics(), upkeepFailures: 2 }
  const registry = new Registry()
  ingestMetrics(registry, { redis, db, partitions: 2, horizonMs: 72 * 3_600_000, counts, now: () => NOW_MS })
  const metrics = async () => new Set((await registry.metrics()).split("\n"))

  await keepUp(client, RETENTION, NOW_MS)
  await client.query("insert into erasures values ('era_1', 'tag', 'tag_1', 'ws_1', 'key_1')")
  await client.query(
    "insert into edge_instances (instance, accepted, spilled, dropped, stored, last_at) values ('edge-1', 1, 0, 0, 2, now())",
  )
  await redis.xadd(clickStreamKey(1), `${NOW_MS - 90_500}-0`, "b", "x")
  await redis.xadd(clickStreamKey(1), `${NOW_MS}-0`, "b", "x")
  await redis.xgroup("CREATE", clickStreamKey(1), CLICK_GROUP, "0")
  await redis.xreadgroup("GROUP", CLICK_GROUP, CLICK_GROUP, "COUNT", 1, "STREAMS", clickStreamKey(1), ">")
  await redis.xadd(deadLetterKey(0), "*", "b", "x")
  const told = await metrics()
  const seconds = (time: string) => Date.parse(time) / 1_000
  for (const line of [
    'qiao_ingest_backlog_batches{partition="0"} 0',
    'qiao_ingest_backlog_batches{partition="1"} 2',
    'qiao_ingest_backlog_seconds{partition="0"} 0',
    'qiao_ingest_backlog_seconds{partition="1"} 90.5',
    'qiao_ingest_pending_batches{partition="1"} 1',
    'qiao_ingest_dead_letters{partition="0"} 1',
    "qiao_ingest_upkeep_failures_total 2",
    "qiao_ingest_erasures_due 1",
    "qiao_ingest_unbalanced_instances 1",
    `qiao_ingest_kept_timestamp_seconds{what="visits_since"} ${seconds("2026-06-11T00:00Z")}`,
    `qiao_ingest_kept_timestamp_seconds{what="visits_until"} ${seconds("2026-06-19T00:00Z")}`,
    `qiao_ingest_kept_timestamp_seconds{what="days_until"} ${seconds("2026-06-12T00:00Z")}`,
    `qiao_ingest_kept_timestamp_seconds{what="quarters_since"} ${seconds("2026-05-11T00:00Z")}`,
  ]) {
    t.ok(told.has(line), line)
  }
  await redis.del(clickStreamKey(1))
  t.ok((await metrics()).has('qiao_ingest_backlog_seconds{partition="1"} 0'), "what was caught up is")
})
