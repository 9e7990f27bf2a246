import { type RecordedVisit, unpackBatch } from "@qiao/core/click.ts"
import { clickStreamKey } from "@qiao/core/keys.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import { Redis } from "ioredis"
import pino from "pino"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { createClickRecorder } from "../src/clicks.ts"
import { connectRedis } from "../src/redis.ts"

const redis = await startRedis(t, { appendOnly: false })
const visitorOf = createVisitors(100)

const visit = (i: number): RecordedVisit => ({
  linkId: `lnk_${i}`,
  atMs: 1_700_000_000_000 + i,
  outcome: "redirect",
  automated: false,
  visitor: visitorOf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36"),
  language: "en",
  referrer: "",
  ip: "192.0.2.1",
  rule: "",
  variant: "",
  guideToken: "",
})

async function startRecorder(t: Test, url: string, options: { batchMax?: number; bufferMax?: number } = {}) {
  const connection = connectRedis(url, pino({ level: "silent" }), {
    name: "clicks",
    silenceMaxMs: 300,
    commandTimeout: 200,
  })
  await waitFor("the connection", () => connection.status === "ready", { timeoutMs: 3_000 })
  const recorder = createClickRecorder({
    redis: connection,
    instance: `instance-${Math.random()}`,
    partitions: 4,
    flushIntervalMs: 20,
    batchMax: 100,
    bufferMax: 1_000,
    now: Date.now,
    onFailure: () => {},
    ...options,
  })
  const direct = new Redis(redis.url)
  t.teardown(async () => {
    connection.disconnect()
    await recorder.stop(0)
    direct.disconnect()
  })
  const isSettled = () => recorder.counters.waiting === 0
  return {
    recorder,
    settled: (timeoutMs = 5_000) => waitFor("all visits to be sent", isSettled, { timeoutMs }),
    /** The sealed batches in the stream as they lie there, copies included. */
    async stored(): Promise<string[]> {
      const entries = await direct.xrange(clickStreamKey(recorder.partition), "-", "+")
      return entries
        .map(([, fields]) => fields[1] ?? "")
        .filter((sealed) => sealed.includes(recorder.instance))
    },
  }
}

const linksOf = (sealed: string[]) =>
  sealed.flatMap((batch) => unpackBatch(batch).visits.map(({ linkId }) => linkId))
const addsUp = (t: Test, { accepted, sent, waiting, dropped }: Record<string, number>) =>
  t.equal(accepted, (sent ?? 0) + (waiting ?? 0) + (dropped ?? 0), "accepted = sent + waiting + dropped")

t.test(
  "visits go out in batches of at most batchMax, each once, in order, under ids of their own",
  async (t) => {
    const { recorder, settled, stored } = await startRecorder(t, redis.url)
    for (let i = 0; i < 950; i++) recorder.add(visit(i))
    addsUp(t, recorder.counters)
    await settled()
    const batches = (await stored()).map(unpackBatch)
    t.same(
      batches.flatMap((batch) => batch.visits.map(({ linkId }) => linkId)),
      Array.from({ length: 950 }, (_, i) => `lnk_${i}`),
    )
    t.same(
      batches.map(({ sequence }) => sequence),
      batches.map((_, i) => i),
    )
    t.ok(batches.every((batch) => batch.visits.length <= 100))
    t.equal(batches.at(-1)?.counters.accepted, 950)
    t.equal(recorder.counters.batches, batches.length)
    addsUp(t, recorder.counters)
  },
)

t.test(
  "a quiet edge sends what it has within the flush interval, and nothing when there is nothing",
  async (t) => {
    const { recorder, settled, stored } = await startRecorder(t, redis.url)
    recorder.add(visit(1))
    await settled(500)
    await new Promise((resolve) => setTimeout(resolve, 100))
    t.equal((await stored()).length, 1)
  },
)

t.test("a batch whose answer was lost is sent again as it was sealed, and none is missing", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const { recorder, settled, stored } = await startRecorder(t, proxy.through(redis.url))
  const cut = proxy.cutAfter(20_000)
  let added = 0
  const adding = setInterval(() => {
    for (let i = 0; i < 10 && added < 800; i++) recorder.add(visit(added++))
  }, 2)
  await cut
  await waitFor("all to be added", () => added === 800, { timeoutMs: 5_000 })
  clearInterval(adding)
  await settled()
  const sealed = await stored()
  t.equal(new Set(linksOf(sealed)).size, 800)
  t.equal(
    new Set(sealed).size,
    new Set(sealed.map((batch) => unpackBatch(batch).sequence)).size,
    "copies are equal",
  )
  t.equal(linksOf([...new Set(sealed)]).length, 800)
  t.equal(recorder.counters.sent, 800)
  t.ok(recorder.counters.failures > 0)
  addsUp(t, recorder.counters)
})

t.test("an XADD that arrived although its answer never came is there twice, byte for byte", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const { recorder, settled, stored } = await startRecorder(t, proxy.through(redis.url))
  recorder.add(visit(0))
  await settled()
  const [first] = await stored()
  const command = ["XADD", clickStreamKey(recorder.partition), "*", "b", String(first)]
  const bytes = command.reduce((sum, part) => sum + part.length + String(part.length).length + 5, 4)
  const cut = proxy.cutAfter(bytes)
  recorder.add(visit(0))
  await cut
  await settled()
  const sealed = await stored()
  t.equal(sealed.length, 3)
  t.equal(sealed[1], sealed[2])
})

t.test(
  "while Redis is away visits wait up to bufferMax, the rest is dropped and counted, and nobody waits",
  async (t) => {
    const proxy = await startProxy(t, redis.port)
    const { recorder, settled, stored } = await startRecorder(t, proxy.through(redis.url))
    proxy.refuse()
    proxy.cut()
    for (let i = 0; i < 1_500; i++) recorder.add(visit(i))
    t.match(recorder.counters, { accepted: 1_500, waiting: 1_000, dropped: 500, sent: 0 })
    addsUp(t, recorder.counters)
    proxy.accept()
    await settled()
    recorder.add(visit(9_999))
    await settled()
    t.match(recorder.counters, { accepted: 1_501, sent: 1_001, dropped: 500 })
    const sealed = await stored()
    t.same(
      linksOf(sealed).slice(0, 1_000),
      Array.from({ length: 1_000 }, (_, i) => `lnk_${i}`),
    )
    t.equal(unpackBatch(sealed.at(-1) ?? "").counters.dropped, 500, "batches tell of the gap")
  },
)

t.test("a Redis that hangs delays batches but loses none", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const { recorder, settled, stored } = await startRecorder(t, proxy.through(redis.url))
  proxy.pause()
  for (let i = 0; i < 500; i++) recorder.add(visit(i))
  await waitFor("a failure", () => recorder.counters.failures > 0, { timeoutMs: 3_000 })
  proxy.resume()
  await settled()
  t.equal(new Set(linksOf(await stored())).size, 500)
})

t.test("stop sends what is left, and says how much it could not send", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const good = await startRecorder(t, redis.url, { batchMax: 10_000 })
  for (let i = 0; i < 300; i++) good.recorder.add(visit(i))
  t.equal(await good.recorder.stop(2_000), 0)
  t.equal(linksOf(await good.stored()).length, 300)
  const cutOff = await startRecorder(t, proxy.through(redis.url))
  proxy.refuse()
  proxy.cut()
  for (let i = 0; i < 300; i++) cutOff.recorder.add(visit(i))
  t.equal(await cutOff.recorder.stop(100), 300)
  addsUp(t, cutOff.recorder.counters)
})
