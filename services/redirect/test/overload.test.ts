import { setImmediate } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { askRaw, startEdge, type TestEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { startReplyGate } from "./support/reply-gate.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)

const MAX_IN_FLIGHT = 20

t.test("past MAX_IN_FLIGHT the answer is 503 at once, and whoever needs no Redis is served", async (t) => {
  const gate = await startReplyGate(t, redis.port)
  const patient = { REDIS_DEADLINE_MS: "60000", REDIS_SILENCE_MAX_MS: "60000" }
  const env = { ...patient, MAX_IN_FLIGHT: String(MAX_IN_FLIGHT) }
  const edge = await startEdge(t, redis.url, env, { records: gate.through(redis.url) })
  await edge.ready()
  await publisher.link("known")
  await edge.get("/known")
  const codes = Array.from({ length: 3 * MAX_IN_FLIGHT }, (_, i) => `cold${i}`)
  for (const code of codes) await publisher.link(code)

  gate.hold()
  const waiting = codes.slice(0, MAX_IN_FLIGHT).map((code) => edge.get(`/${code}`))
  await waitFor("them to wait", () => edge.waits.count === MAX_IN_FLIGHT, { timeoutMs: 20_000 })
  for (const code of codes.slice(MAX_IN_FLIGHT)) {
    const { status, headers } = await edge.get(`/${code}`)
    t.equal(status, 503)
    t.equal(headers["retry-after"], "1")
    t.equal((await edge.get("/known")).status, 302)
  }
  t.equal(edge.waits.count, MAX_IN_FLIGHT, "nobody else waited for Redis")

  gate.release()
  for (const { status } of await Promise.all(waiting)) t.equal(status, 302)
  t.equal((await edge.get(`/${codes.at(-1)}`)).status, 302)
})

t.test("an answer of Redis that is there in time counts, however late a busy edge reads it", async (t) => {
  const gate = await startReplyGate(t, redis.port)
  const env = { REDIS_DEADLINE_MS: "2000", REDIS_SILENCE_MAX_MS: "60000" }
  const edge = await startEdge(t, redis.url, env, { records: gate.through(redis.url) })
  await edge.ready()
  await publisher.link("late")
  await edge.get("/warm-the-domain")
  gate.hold()
  const asked = edge.get("/late")
  const isHeld = () => edge.waits.count === 1 && gate.heldCount > 0
  await waitFor("the answer to be held", isHeld, { timeoutMs: 20_000, intervalMs: 1 })
  // Between reading sockets and looking at timers, as when it is busy with requests.
  await setImmediate()
  gate.release()
  const busyUntilMs = performance.now() + 2_500
  while (performance.now() < busyUntilMs);
  t.equal((await asked).status, 302)
})

t.test("2,000 connections that open and close leave no memory behind", async (t) => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  const edge = await startEdge(t, redis.url)
  await edge.ready()
  await publisher.link("hot")
  const heapInUse = async () => {
    await waitFor("no connection", async () => (await connectionsOf(edge)) === 0, { timeoutMs: 30_000 })
    await waitFor("the clicks to be sent", () => edge.clicks.counters.waiting === 0, { timeoutMs: 30_000 })
    collect()
    return process.memoryUsage().heapUsed
  }
  await openAndClose(edge, 2_000)
  const before = await heapInUse()
  await openAndClose(edge, 2_000)
  const bytes = ((await heapInUse()) - before) / 2_000
  // What Node keeps of one connection alone is more than ten times as much.
  t.ok(bytes < 500, `${bytes} bytes a connection`)
})

/** Half of them ask and close, half ask no HTTP. */
async function openAndClose(edge: TestEdge, connections: number) {
  const asked = [`GET /hot HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`, "no HTTP at all\r\n\r\n"]
  for (let i = 0; i < connections; i += asked.length) {
    await Promise.all(asked.map((bytes) => askRaw(edge.port, bytes)))
  }
}

function connectionsOf({ app }: TestEdge): Promise<number> {
  return new Promise((resolve, reject) =>
    app.server.getConnections((err, count) => (err === null ? resolve(count) : reject(err))),
  )
}
