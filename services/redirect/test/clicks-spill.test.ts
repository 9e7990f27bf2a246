import { readdir, writeFile } from "node:fs/promises"
import { unpackBatch } from "@qiao/core/click.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy, type TcpProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { newFolder } from "./support/folder.ts"
import {
  addsUp,
  linksFrom,
  linksOf,
  readStream,
  startRecorder,
  type TestRecorder,
} from "./support/recorder.ts"

const redis = await startRedis(t, { appendOnly: false })

const isOpen = (edge: TestRecorder) =>
  waitFor("the spill", () => edge.spillCounters().isOpen, { timeoutMs: 5_000 })

const areSpilled = (edge: TestRecorder, visits: number) =>
  waitFor(`${visits} visits in the spill`, () => edge.recorder.counters.spilled === visits, {
    timeoutMs: 5_000,
  })

const segmentsIn = async (folder: string) =>
  (await readdir(folder)).filter((file) => file.includes(".segment"))

function goAway(proxy: TcpProxy) {
  proxy.refuse()
  proxy.cut()
}

async function startBehindProxy(t: Test, options: Parameters<typeof startRecorder>[2] = {}) {
  const folder = options.folder ?? (await newFolder(t))
  const proxy = await startProxy(t, redis.port)
  const edge = await startRecorder(t, proxy.through(redis.url), { folder, ...options })
  await isOpen(edge)
  return { folder, proxy, edge, stream: await readStream(t, redis.url, edge) }
}

t.test(
  "while Redis is away visits go to the disk, however many; with Redis back they are sent, oldest first",
  async (t) => {
    const { folder, proxy, edge, stream } = await startBehindProxy(t)
    const { recorder } = edge
    edge.add(0, 50)
    await edge.settled()
    t.same(await segmentsIn(folder), [], "none while Redis is there")
    goAway(proxy)
    for (let at = 50; at < 5_050; at += 500) {
      edge.add(at, at + 500)
      await areSpilled(edge, at + 450)
      addsUp(t, recorder.counters)
    }
    t.match(recorder.counters, { waiting: 0, spilled: 5_000, dropped: 0 })
    proxy.accept()
    await edge.settled()
    t.same(linksOf(await stream.sealed()), linksFrom(0, 5_050))
    t.match(recorder.counters, { accepted: 5_050, sent: 5_050, formerSent: 0 })
    addsUp(t, recorder.counters)
    const lastCounters = async () => unpackBatch((await stream.sealed()).at(-1) ?? "").counters
    await waitFor("a batch that says so", async () => (await lastCounters()).spilled === 0, {
      timeoutMs: 2_000,
    })
    await waitFor("an empty folder", async () => (await segmentsIn(folder)).length === 0, {
      timeoutMs: 2_000,
    })
  },
)

t.test("at any time while megabytes go to the disk and come back, every visit is somewhere", async (t) => {
  const { proxy, edge } = await startBehindProxy(t, { bufferMax: 200_000, batchMax: 1_000 })
  goAway(proxy)
  const { recorder } = edge
  const faults: string[] = []
  const watchUntil = async (isOver: () => boolean) => {
    while (!isOver()) {
      const { accepted, sent, waiting, spilled, dropped } = recorder.counters
      if (accepted !== sent + waiting + spilled + dropped) faults.push(JSON.stringify(recorder.counters))
      await new Promise(setImmediate)
    }
  }
  edge.add(0, 150_000)
  await watchUntil(() => recorder.counters.spilled === 150_000)
  t.ok(edge.spillCounters().segments > 1)
  proxy.accept()
  await watchUntil(() => recorder.counters.sent === 150_000)
  t.same(faults, [])
})

t.test("batches tell how many visits lay in the spill", async (t) => {
  const { proxy, edge, stream } = await startBehindProxy(t)
  goAway(proxy)
  edge.add(0, 70)
  await areSpilled(edge, 70)
  edge.add(70, 100)
  await areSpilled(edge, 100)
  proxy.accept()
  await edge.settled()
  const told = (await stream.sealed()).map(unpackBatch).filter(({ visits }) => visits.length > 0)
  t.match(
    told.map(({ counters }) => counters),
    [
      { accepted: 70, spilled: 0, dropped: 0 },
      { accepted: 100, spilled: 70, dropped: 0 },
    ],
  )
})

t.test("new visits reach Redis while the spill is still being replayed", async (t) => {
  const { proxy, edge, stream } = await startBehindProxy(t, { batchMax: 5 })
  goAway(proxy)
  for (let at = 0; at < 4_000; at += 500) {
    edge.add(at, at + 500)
    await areSpilled(edge, at + 500)
  }
  proxy.accept()
  await waitFor("the replay", () => edge.recorder.counters.replayedBatches > 10, { timeoutMs: 5_000 })
  edge.add(4_000, 4_010)
  await edge.settled(20_000)
  const links = linksOf(await stream.sealed())
  const newAt = links.indexOf("lnk_4000")
  t.ok(newAt > 0 && newAt < 3_500, `the new ones came after ${newAt} of 4,000`)
  t.same(
    links.filter((link) => Number(link.slice(4)) < 4_000),
    linksFrom(0, 4_000),
    "the old ones in their order",
  )
  t.same(links.sort(), linksFrom(0, 4_010).sort(), "each once")
  const batches = (await stream.sealed()).map(unpackBatch)
  t.equal(new Set(batches.map(({ sequence }) => sequence)).size, batches.length)
  addsUp(t, edge.recorder.counters)
})

t.test(
  "a Redis that hangs for longer than the deadline makes the edge spill, and loses nothing",
  async (t) => {
    const { proxy, edge, stream } = await startBehindProxy(t)
    edge.add(0, 100)
    await edge.settled()
    proxy.pause()
    const startedAtMs = performance.now()
    edge.add(100, 400)
    await areSpilled(edge, 300)
    t.ok(performance.now() - startedAtMs < 1_500, "the deadline is 200 ms, the flush interval 20")
    edge.add(400, 900)
    await areSpilled(edge, 800)
    proxy.resume()
    await edge.settled()
    const sealed = await stream.sealed()
    t.same(linksOf([...new Set(sealed)]).sort(), linksFrom(0, 900).sort(), "each, once but for equal copies")
    t.match(edge.recorder.counters, { accepted: 900, sent: 900, dropped: 0 })
  },
)

t.test("beyond the stream's bound the edge spills, and drains as the stream does", async (t) => {
  const { edge, stream, folder } = await startBehindProxy(t, { streamMax: 20, batchMax: 10 })
  await stream.direct.del(stream.key)
  edge.add(0, 1_000)
  await areSpilled(edge, 790)
  t.match(edge.recorder.counters, { sent: 210, waiting: 0, dropped: 0 })
  t.equal(await stream.direct.xlen(stream.key), 21)
  addsUp(t, edge.recorder.counters)

  const stored: string[] = []
  let longest = 0
  while (stored.length < 100) {
    const entries = await stream.direct.xrange(stream.key, "-", "+", "COUNT", 4)
    longest = Math.max(
      longest,
      edge.recorder.counters.spilled === 790 ? 0 : await stream.direct.xlen(stream.key),
    )
    const batches = entries.filter(([, fields]) => unpackBatch(fields[1] ?? "").visits.length > 0)
    stored.push(...batches.map(([, fields]) => fields[1] ?? ""))
    if (entries.length > 0) await stream.direct.xdel(stream.key, ...entries.map(([id]) => id))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  t.same(linksOf(stored), linksFrom(0, 1_000), "in order, each once")
  t.ok(longest <= 13, `the replay leaves half of the room to new visits: ${longest} of 20`)
  await edge.settled()
  addsUp(t, edge.recorder.counters)
  await waitFor("an empty folder", async () => (await segmentsIn(folder)).length === 0, { timeoutMs: 2_000 })
})

t.test("stop with Redis away takes no time and loses nothing; the next process sends it all", async (t) => {
  const { proxy, edge, folder } = await startBehindProxy(t)
  goAway(proxy)
  edge.add(0, 250)
  await areSpilled(edge, 250)
  edge.add(250, 330)
  const startedAtMs = performance.now()
  t.equal(await edge.stop(5_000), 0)
  t.ok(performance.now() - startedAtMs < 1_000)
  addsUp(t, edge.recorder.counters)

  const next = await startRecorder(t, redis.url, { folder })
  const stream = await readStream(t, redis.url, next)
  next.add(1_000, 1_010)
  await next.settled()
  const isAllSent = () => next.recorder.counters.formerSent === 330
  await waitFor("the former visits", isAllSent, { timeoutMs: 5_000 })
  await waitFor("an empty folder", async () => (await segmentsIn(folder)).length === 0, { timeoutMs: 2_000 })
  const former = await stream.sealed(edge.recorder.instance)
  t.same(linksOf(former), linksFrom(0, 330))
  t.match(
    former.map(unpackBatch).map(({ sequence, isFinal }) => [sequence, isFinal]),
    former.map((_, i) => [i, i === former.length - 1]),
    "one after the other, the final one last",
  )
  t.match(unpackBatch(former.at(-1) ?? "").counters, { accepted: 330, spilled: 330, dropped: 0 })
  t.same(linksOf(await stream.sealed()), linksFrom(1_000, 1_010), "its own are its own")
  t.match(next.recorder.counters, { accepted: 10, sent: 10, formerSent: 330 })
  addsUp(t, next.recorder.counters)
})

t.test("started again and again on one folder, no two batches share an id", async (t) => {
  const folder = await newFolder(t)
  const proxy = await startProxy(t, redis.port)
  const instances: string[] = []
  for (let round = 0; round < 5; round++) {
    const edge = await startRecorder(t, proxy.through(redis.url), { folder })
    await isOpen(edge)
    instances.push(edge.recorder.instance)
    edge.add(round * 10, round * 10 + 10)
    if (round % 2 === 0) goAway(proxy)
    t.equal(await edge.stop(5_000), 0)
    proxy.accept()
  }
  const last = await startRecorder(t, redis.url, { folder })
  const stream = await readStream(t, redis.url, last)
  await waitFor("an empty folder", async () => (await segmentsIn(folder)).length === 0, { timeoutMs: 5_000 })
  const sealed = (await Promise.all(instances.map((instance) => stream.sealed(instance)))).flat()
  t.same(linksOf([...new Set(sealed)]).sort(), linksFrom(0, 50).sort())
  const ids = [...new Set(sealed)].map(unpackBatch).map(({ instance, sequence }) => `${instance} ${sequence}`)
  t.equal(new Set(ids).size, ids.length)
})

t.test("stop with a Redis that hangs ends in time, and loses nothing", async (t) => {
  const { proxy, edge, folder } = await startBehindProxy(t)
  edge.add(0, 100)
  await edge.settled()
  proxy.pause()
  edge.add(100, 500)
  const startedAtMs = performance.now()
  t.equal(await edge.stop(2_000), 0)
  t.ok(performance.now() - startedAtMs < 2_000)
  addsUp(t, edge.recorder.counters)
  proxy.resume()
  const next = await startRecorder(t, redis.url, { folder })
  const stream = await readStream(t, redis.url, next)
  await waitFor("the rest", () => next.recorder.counters.formerSent >= 400, { timeoutMs: 5_000 })
  t.same(linksOf([...new Set(await stream.sealed(edge.recorder.instance))]).sort(), linksFrom(0, 500).sort())
})

t.test("stop gives up a Redis that hangs for longer than it may take, in time to spill", async (t) => {
  const { proxy, edge } = await startBehindProxy(t)
  edge.add(0, 100)
  await edge.settled()
  proxy.pause()
  edge.add(100, 500)
  t.equal(await edge.stop(150), 0)
  t.match(edge.recorder.counters, { sent: 100, spilled: 400, waiting: 0 })
})

t.test(
  "a folder that cannot be used costs nothing while there is room in memory, and then counts",
  async (t) => {
    const folder = `${await newFolder(t)}/spill`
    await writeFile(folder, "in the way")
    const proxy = await startProxy(t, redis.port)
    const edge = await startRecorder(t, proxy.through(redis.url), { folder })
    const stream = await readStream(t, redis.url, edge)
    goAway(proxy)
    edge.add(0, 1_200)
    await new Promise((resolve) => setTimeout(resolve, 100))
    t.match(edge.recorder.counters, { waiting: 1_000, spilled: 0, dropped: 200 })
    addsUp(t, edge.recorder.counters)
    proxy.accept()
    await edge.settled()
    t.same(linksOf(await stream.sealed()), linksFrom(0, 1_000))
  },
)

t.test(
  "a spill that is full keeps what it has, memory the next, and the rest is dropped and counted",
  async (t) => {
    const { proxy, edge, stream } = await startBehindProxy(t, { bytesMax: 40_000 })
    goAway(proxy)
    for (let at = 0; at < 5_000; at += 100) {
      edge.add(at, at + 100)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await waitFor("a full spill", () => edge.recorder.counters.dropped > 0, { timeoutMs: 5_000 })
    const { spilled, waiting, dropped } = edge.recorder.counters
    t.ok(spilled > 300, `${spilled} in the spill`)
    t.equal(waiting, 1_000)
    t.equal(spilled + waiting + dropped, 5_000)
    t.ok(edge.spillCounters().bytes <= 40_000)
    proxy.accept()
    await edge.settled()
    t.equal(new Set(linksOf(await stream.sealed())).size, 5_000 - dropped)
    t.match(edge.recorder.counters, { sent: 5_000 - dropped, dropped })
    const isTold = async () => unpackBatch((await stream.sealed()).at(-1) ?? "").counters.dropped === dropped
    await waitFor("a batch that tells of the gap", isTold, { timeoutMs: 2_000 })
  },
)

t.test("through cuts at any byte nothing is lost, and copies are equal", async (t) => {
  const { proxy, edge, stream } = await startBehindProxy(t, { batchMax: 20 })
  let added = 0
  const adding = setInterval(() => {
    if (added === 3_000) return
    edge.add(added, added + 10)
    added += 10
  }, 2)
  for (let bytes = 1; added < 3_000; bytes = (bytes * 7 + 13) % 6_000) await proxy.cutAfter(bytes)
  clearInterval(adding)
  await edge.settled()
  const sealed = [...new Set(await stream.sealed())]
  t.same(linksOf(sealed).sort(), linksFrom(0, 3_000).sort())
  t.match(edge.recorder.counters, { accepted: 3_000, sent: 3_000, dropped: 0 })
  addsUp(t, edge.recorder.counters)
})
