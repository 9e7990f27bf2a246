import { once } from "node:events"
import { Worker } from "node:worker_threads"
import t from "tap"
import { freePort } from "../../../scripts/lib/ports.ts"
import { startRedis } from "../../test/support/redis.ts"
import { parseConfig } from "../src/config.ts"
import { startOpsThread } from "../src/ops-host.ts"
import { followStatus } from "../src/status.ts"
import { COOKIE_SECRET, startEdge } from "./support/edge.ts"
import { startPublisher } from "./support/publisher.ts"

const AGE = /^qiao_edge_metrics_age_seconds /m

const redis = await startRedis(t, { appendOnly: false })
await startPublisher(t, redis.url)

t.test("the ops port answers while the edge's event loop does not turn", async (t) => {
  const edge = await startEdge(t, redis.url)
  await edge.ready()
  const port = await freePort()
  const config = parseConfig({
    REDIS_URL: redis.url,
    COOKIE_SECRET,
    EDGE_OPS_PORT: String(port),
  })
  const ops = await startOpsThread(config, async (question) =>
    question === "isReady" ? { isReady: edge.isReady() } : { metrics: await edge.registry.metrics() },
  )
  t.teardown(ops.close)
  const url = `http://127.0.0.1:${port}`
  t.equal((await fetch(`${url}/healthz/ready`)).status, 200)
  const before = await (await fetch(`${url}/metrics`)).text()
  t.match(before, "qiao_edge_requests_total")

  // The test's own thread is the edge's: it holds still until the answers are there.
  const answered = new Int32Array(new SharedArrayBuffer(4))
  const asker = new Worker(new URL("./support/asker.ts", import.meta.url), { workerData: { url, answered } })
  const isBlocked = Atomics.wait(answered, 0, 0, 10_000)
  t.equal(isBlocked, "ok")
  const [[live, ready, metrics]] = await once(asker, "message")
  t.same([live, ready], [200, 200])
  const [edgeMetrics, age] = metrics.split(AGE)
  t.equal(edgeMetrics, before.split(AGE)[0], "as they were before")
  t.ok(Number(age) > 0.05, `${age} s old`)
})

t.test("an edge that has not answered for 10 s is not live, and is again when it does", async (t) => {
  let nowMs = 0
  const asked: string[] = []
  const status = followStatus(
    (question) => asked.push(question),
    "",
    () => nowMs,
  )
  t.teardown(status.stop)
  t.equal(status.isLive(), true)
  t.equal(await status.isReady(), false)
  nowMs = 9_999
  t.equal(status.isLive(), true)
  nowMs = 10_000
  t.equal(status.isLive(), false)
  t.same(asked, ["isReady"], "it is not asked again before it has answered")
  status.hear({ isReady: true })
  t.equal(status.isLive(), true)
})
