import { unpackBatch } from "@qiao/core/click.ts"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { addsUp, linksFrom, linksOf, readStream, startRecorder, visit } from "./support/recorder.ts"

const redis = await startRedis(t, { appendOnly: false })

t.test(
  "visits go out in batches of at most batchMax, each once, in order, under ids of their own",
  async (t) => {
    const edge = await startRecorder(t, redis.url)
    const { recorder } = edge
    const stream = await readStream(t, redis.url, edge)
    edge.add(0, 950)
    addsUp(t, recorder.counters)
    await edge.settled()
    const batches = (await stream.sealed()).map(unpackBatch)
    t.same(
      batches.flatMap((batch) => batch.visits.map(({ linkId }) => linkId)),
      linksFrom(0, 950),
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

t.test("a quiet edge sends what it has within the flush interval, and then nothing", async (t) => {
  const edge = await startRecorder(t, redis.url)
  const stream = await readStream(t, redis.url, edge)
  edge.add(1, 2)
  await edge.settled(500)
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal((await stream.sealed()).length, 1)
})

t.test("an edge without visits says that it is there, and how it stands", async (t) => {
  const edge = await startRecorder(t, redis.url, { heartbeatMs: 100 })
  const stream = await readStream(t, redis.url, edge)
  edge.add(0, 3)
  await waitFor("heartbeats", async () => (await stream.sealed()).length >= 4, { timeoutMs: 3_000 })
  const [, ...heartbeats] = (await stream.sealed()).map(unpackBatch)
  for (const heartbeat of heartbeats) {
    t.match(heartbeat, { isFinal: false, visits: [], counters: { accepted: 3, spilled: 0, dropped: 0 } })
  }
  const pauses = heartbeats.slice(1).map(({ sealedAtMs }, i) => sealedAtMs - (heartbeats[i]?.sealedAtMs ?? 0))
  t.ok(
    pauses.every((pause) => pause >= 99),
    `one each 100 ms: ${pauses}`,
  )
})

t.test("visits of unknown codes go with the next batch, and are no visits of the edge's", async (t) => {
  const edge = await startRecorder(t, redis.url)
  const stream = await readStream(t, redis.url, edge)
  for (let i = 0; i < 5; i++) edge.recorder.addOrphan("s.example.com", "/nowhere")
  await waitFor("a batch", async () => (await stream.sealed()).length === 1, { timeoutMs: 3_000 })
  t.match((await stream.sealed()).map(unpackBatch), [
    {
      visits: [],
      orphans: [{ host: "s.example.com", path: "/nowhere", visits: 5 }],
      counters: { accepted: 0 },
    },
  ])
  t.equal(edge.recorder.counters.accepted, 0)
})

t.test("a batch whose answer was lost is sent again as it was sealed, and none is missing", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const edge = await startRecorder(t, proxy.through(redis.url))
  const stream = await readStream(t, redis.url, edge)
  const cut = proxy.cutAfter(20_000)
  let added = 0
  const adding = setInterval(() => {
    for (let i = 0; i < 10 && added < 800; i++) edge.recorder.add(visit(added++))
  }, 2)
  await cut
  await waitFor("all to be added", () => added === 800, { timeoutMs: 5_000 })
  clearInterval(adding)
  await edge.settled()
  const sealed = await stream.sealed()
  t.equal(new Set(linksOf(sealed)).size, 800)
  t.equal(
    new Set(sealed).size,
    new Set(sealed.map((batch) => unpackBatch(batch).sequence)).size,
    "copies are equal",
  )
  t.equal(linksOf([...new Set(sealed)]).length, 800)
  t.equal(edge.recorder.counters.sent, 800)
  t.ok(edge.streams.failures > 0)
  addsUp(t, edge.recorder.counters)
})

t.test("an XADD that arrived although its answer never came is there twice, byte for byte", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const edge = await startRecorder(t, proxy.through(redis.url))
  const stream = await readStream(t, redis.url, edge)
  edge.add(0, 1)
  await edge.settled()
  const [first] = await stream.sealed()
  const command = ["XADD", stream.key, "*", "b", String(first)]
  const bytes = command.reduce((sum, part) => sum + part.length + String(part.length).length + 5, 4)
  const cut = proxy.cutAfter(bytes)
  edge.add(0, 1)
  await cut
  await edge.settled()
  const sealed = await stream.sealed()
  t.equal(sealed.length, 3)
  t.equal(sealed[1], sealed[2])
})

t.test(
  "while Redis is away visits wait up to bufferMax, the rest is dropped and counted, and nobody waits",
  async (t) => {
    const proxy = await startProxy(t, redis.port)
    const edge = await startRecorder(t, proxy.through(redis.url))
    const stream = await readStream(t, redis.url, edge)
    proxy.refuse()
    proxy.cut()
    edge.add(0, 1_500)
    t.match(edge.recorder.counters, { accepted: 1_500, waiting: 1_000, dropped: 500, sent: 0 })
    addsUp(t, edge.recorder.counters)
    proxy.accept()
    await edge.settled()
    t.match(edge.recorder.counters, { accepted: 1_500, sent: 1_000, dropped: 500 })
    t.same(linksOf(await stream.sealed()), linksFrom(0, 1_000))
    const isTold = async () => unpackBatch((await stream.sealed()).at(-1) ?? "").counters.dropped === 500
    await waitFor("a batch that tells of the gap", isTold, { timeoutMs: 2_000 })
  },
)

t.test("a Redis that hangs delays batches but loses none", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const edge = await startRecorder(t, proxy.through(redis.url))
  const stream = await readStream(t, redis.url, edge)
  proxy.pause()
  edge.add(0, 500)
  await waitFor("a failure", () => edge.streams.failures > 0, { timeoutMs: 3_000 })
  proxy.resume()
  await edge.settled()
  t.equal(new Set(linksOf(await stream.sealed())).size, 500)
})

t.test("a stream that is full gets no more, what waits is sent when there is room again", async (t) => {
  const edge = await startRecorder(t, redis.url, { streamMax: 20, batchMax: 10 })
  const stream = await readStream(t, redis.url, edge)
  await stream.direct.del(stream.key)
  const length = () => stream.direct.xlen(stream.key)
  for (let i = 0; i < 18; i++) await stream.direct.xadd(stream.key, "*", "other", "edge")
  edge.add(0, 500)
  await waitFor("the bound", async () => (await length()) > 20, { timeoutMs: 3_000 })
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(await length(), 21, "the one that crossed the bound is the last")
  t.equal(edge.recorder.counters.waiting, 470)
  await stream.direct.xtrim(stream.key, "MAXLEN", 0)
  await waitFor("more", async () => (await length()) > 20, { timeoutMs: 3_000 })
  addsUp(t, edge.recorder.counters)
  const trimming = setInterval(() => void stream.direct.xtrim(stream.key, "MAXLEN", 0), 10)
  await edge.settled()
  clearInterval(trimming)
  t.match(edge.recorder.counters, { accepted: 500, sent: 500, dropped: 0 })
})

t.test("stop sends what is left and that it was the last, and says how much it could not send", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const good = await startRecorder(t, redis.url, { batchMax: 10_000 })
  const stream = await readStream(t, redis.url, good)
  good.add(0, 300)
  t.equal(await good.stop(2_000), 0)
  const batches = (await stream.sealed()).map(unpackBatch)
  t.match(batches, [
    { isFinal: false, visits: { length: 300 } },
    { isFinal: true, sequence: 1, visits: [], counters: { accepted: 300, spilled: 0, dropped: 0 } },
  ])
  const cutOff = await startRecorder(t, proxy.through(redis.url))
  proxy.refuse()
  proxy.cut()
  cutOff.add(0, 300)
  t.equal(await cutOff.stop(100), 300)
  addsUp(t, cutOff.recorder.counters)
})

t.test("with nothing left to send nobody waits for a Redis that is away", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const edge = await startRecorder(t, proxy.through(redis.url))
  proxy.refuse()
  proxy.cut()
  const startedAtMs = performance.now()
  t.equal(await edge.stop(5_000), 0)
  t.ok(performance.now() - startedAtMs < 1_000)
})
