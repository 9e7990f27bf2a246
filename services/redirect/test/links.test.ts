import { domainName, linkKey, linkName } from "@qiao/core/keys.ts"
import { encodeLink } from "@qiao/core/record.ts"
import t, { type Test } from "tap"
import { PLAIN_LINK } from "../../../packages/core/test/support/link.ts"
import { randomFrom, seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import type { Answer, RecordReader } from "../src/links.ts"
import { startEdge, type TestEdge } from "./support/edge.ts"
import { HOST, type Publisher, startPublisher } from "./support/publisher.ts"
import { startReplyGate } from "./support/reply-gate.ts"

const redis = await startRedis(t, { appendOnly: false })

/** An emptied Redis with a publisher, and an edge whose records and changes come by the given ways. */
async function setUp(
  t: Test,
  env: NodeJS.ProcessEnv = {},
  ways: { records?: string; changes?: string; clicks?: string } = {},
) {
  await redis.flush()
  const publisher = await startPublisher(t, redis.url)
  const edge = await startEdge(t, redis.url, env, ways)
  await edge.ready()
  return { publisher, edge }
}

const urlOf = (version: number) => `https://shop.example.com/${version}`
const versionIn = (location: string | undefined) => Number(location?.split("/").at(-1))

/** Every change published so far has reached the edge. */
async function heard(edge: TestEdge, publisher: Publisher) {
  const sinceMs = performance.now()
  await publisher.beat()
  const hasHeard = () => performance.now() - edge.changes.heartbeatAgeMs(performance.now()) >= sinceMs
  await waitFor("the edge to hear a heartbeat", hasHeard, { timeoutMs: 3_000 })
}

t.test("a link that is created right after a 404 on its code is served at once", async (t) => {
  const { publisher, edge } = await setUp(t, { UNKNOWN_TTL_MS: "60000" })
  for (let i = 0; i < 50; i++) {
    t.equal((await edge.get(`/new${i}`)).status, 404)
    await publisher.link(`new${i}`)
    await heard(edge, publisher)
    t.equal((await edge.get(`/new${i}`)).status, 302)
  }
})

t.test("a 404 whose read was under way while its link was created is not remembered", async (t) => {
  const gate = await startReplyGate(t, redis.port)
  const env = { UNKNOWN_TTL_MS: "60000", REDIS_DEADLINE_MS: "2000" }
  const { publisher, edge } = await setUp(t, env, { records: gate.through(redis.url) })
  await edge.get("/warm-the-domain")
  gate.hold()
  const early = edge.get("/born")
  await waitFor("the answer to be held", () => gate.heldCount > 0, { timeoutMs: 2_000 })
  gate.passHeld()
  await waitFor("the answer with the marker to be held", () => gate.heldCount > 0, { timeoutMs: 2_000 })
  await publisher.link("born")
  await heard(edge, publisher)
  const late = edge.get("/born")
  await waitFor("the second read", () => edge.waits.count === 2, { timeoutMs: 2_000 })
  gate.release()
  t.equal((await early).status, 404)
  t.equal((await late).status, 302)
  t.equal((await edge.get("/born")).status, 302)
  t.equal(edge.links.counters.uncacheable, 1)
})

t.test(
  "no request that begins after a change was heard gets an older value, however reads are held back",
  async (t) => {
    const { seed } = seededRandom(t)
    const gate = await startReplyGate(t, redis.port)
    const env = { REDIS_DEADLINE_MS: "5000" }
    const { publisher, edge } = await setUp(t, env, { records: gate.through(redis.url) })
    publisher.silence()
    const beating = setInterval(() => void publisher.beat(), 1_000)
    t.teardown(() => clearInterval(beating))
    for (let round = 0; round < 20; round++) {
      const random = randomFrom(seed + round)
      const code = `raced${round}`
      let published = 0
      let heardOf = 0
      const answers: Promise<{ floor: number; version: number; status: number }>[] = []
      const read = () => {
        const floor = heardOf
        const answer = edge.get(`/${code}`)
        answers.push(
          answer.then(({ status, headers }) => ({ floor, status, version: versionIn(headers.location) })),
        )
      }
      const write = async () => {
        published++
        await publisher.link(code, { url: urlOf(published) }, { revision: published })
        if (random.next() < 0.5) return
        await heard(edge, publisher)
        heardOf = published
      }
      await write()
      for (let step = 0; step < 25; step++) {
        const act = random.pick([read, read, write, () => gate.hold(), () => gate.release()])
        await act()
        if (random.next() < 0.3) await new Promise((resolve) => setImmediate(resolve))
      }
      gate.release()
      await heard(edge, publisher)
      heardOf = published
      read()
      for (const { floor, version, status } of await Promise.all(answers)) {
        if (status !== 302 || version < floor)
          t.fail(`round ${round}: ${status}, ${version} after ${floor} was heard`)
      }
    }
    t.pass("20 rounds")
  },
)

t.test(
  "a deleted link never resolves again, even if an older publish arrives late; an explicit reuse does",
  async (t) => {
    const { publisher, edge } = await setUp(t, { CACHE_TTL_MS: "20" })
    await publisher.link("phoenix", { url: urlOf(1) }, { revision: 11 })
    t.equal((await edge.get("/phoenix")).status, 302)
    await publisher.tombstone("phoenix", { revision: 12 })
    await heard(edge, publisher)
    t.equal((await edge.get("/phoenix")).status, 410)
    await publisher.link("phoenix", { url: urlOf(1) }, { revision: 11 })
    await heard(edge, publisher)
    for (let i = 0; i < 10; i++) {
      t.equal((await edge.get("/phoenix")).status, 410)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await publisher.link("phoenix", { url: urlOf(2) }, { revision: 13 })
    await heard(edge, publisher)
    t.equal(versionIn((await edge.get("/phoenix")).headers.location), 2)
  },
)

t.test(
  "an older epoch never wins, a newer one wins with a lower revision, and so does its absence",
  async (t) => {
    const { publisher, edge } = await setUp(t, { CACHE_TTL_MS: "20", UNKNOWN_TTL_MS: "1" })
    const served = async () => versionIn((await edge.get("/epochs")).headers.location)
    const afterExpiry = () => new Promise((resolve) => setTimeout(resolve, 40))
    await publisher.link("epochs", { url: urlOf(5) }, { epoch: 5, revision: 10 })
    t.equal(await served(), 5)
    await publisher.link("epochs", { url: urlOf(4) }, { epoch: 4, revision: 99 })
    await heard(edge, publisher)
    t.equal(await served(), 5)
    await afterExpiry()
    t.equal(await served(), 5)
    await publisher.link("epochs", { url: urlOf(6) }, { epoch: 6, revision: 1 })
    await heard(edge, publisher)
    t.equal(await served(), 6)
    await publisher.redis.del(linkKey(HOST, "epochs"))
    await afterExpiry()
    t.equal(await served(), 6, "a record that vanished within its epoch was lost, not deleted")
    await publisher.complete(7)
    await afterExpiry()
    t.equal((await edge.get("/epochs")).status, 404)
  },
)

t.test("while Redis is flushed and refilled under traffic, no real link answers 404", async (t) => {
  const { publisher, edge } = await setUp(t, { CACHE_TTL_MS: "20", UNKNOWN_TTL_MS: "20" })
  await publisher.link("known")
  await publisher.link("cold")
  t.equal((await edge.get("/known")).status, 302)
  const seen = { known: new Set<number>(), cold: new Set<number>(), unknown: new Set<number>() }
  let isRunning = true
  const traffic = [..."abc"].map(async () => {
    while (isRunning) {
      seen.known.add((await edge.get("/known")).status)
      seen.cold.add((await edge.get("/cold")).status)
    }
  })
  await redis.flush()
  for (let i = 0; i < 20; i++) seen.unknown.add((await edge.get(`/unknown${i}`)).status)
  await publisher.domain(HOST)
  await publisher.link("known", {}, { epoch: 2, revision: 1 })
  await publisher.link("cold", {}, { epoch: 2, revision: 2 })
  seen.unknown.add((await edge.get("/unknown")).status)
  await publisher.complete(2)
  await waitFor("all to be known again", async () => (await edge.get("/cold")).status === 302, {
    timeoutMs: 2_000,
  })
  isRunning = false
  await Promise.all(traffic)
  t.same([...seen.known], [302])
  t.notOk(seen.cold.has(404))
  t.same([...seen.unknown], [503])
  t.equal((await edge.get("/unknown")).status, 404, "and nothing of it was cached")
})

t.test(
  "changes missed while the subscription was cut are seen: first by reading again, then after the return",
  async (t) => {
    const proxy = await startProxy(t, redis.port)
    const { publisher, edge } = await setUp(t, {}, { changes: proxy.through(redis.url) })
    for (let version = 1; version <= 5; version++) {
      const code = `missed${version % 2}`
      await publisher.link(code, { url: urlOf(version) })
      await heard(edge, publisher)
      t.equal(versionIn((await edge.get(`/${code}`)).headers.location), version)
      proxy.refuse()
      proxy.cut()
      await waitFor("the loss to be noticed", () => !edge.changes.isLive(performance.now()), {
        timeoutMs: 2_000,
      })
      await publisher.link(code, { url: urlOf(version + 100) })
      t.equal(versionIn((await edge.get(`/${code}`)).headers.location), version + 100)
      await publisher.link(code, { url: urlOf(version + 200) })
      proxy.accept()
      await waitFor("the subscription", () => edge.changes.isLive(performance.now()), { timeoutMs: 5_000 })
      t.equal(versionIn((await edge.get(`/${code}`)).headers.location), version + 200)
    }
  },
)

t.test("a silent changes channel makes every entry unverified until heartbeats are back", async (t) => {
  const { publisher, edge } = await setUp(t, { HEARTBEAT_GAP_MS: "300" })
  await publisher.link("quiet", { url: urlOf(1) }, { revision: 100 })
  await heard(edge, publisher)
  await edge.get("/quiet")
  publisher.silence()
  await waitFor("silence", () => !edge.changes.isLive(performance.now()), { timeoutMs: 2_000 })
  const unheard = encodeLink({ epoch: 1, revision: 101 }, { ...PLAIN_LINK, url: urlOf(2) })
  await publisher.redis.set(linkKey(HOST, "quiet"), unheard)
  t.equal(versionIn((await edge.get("/quiet")).headers.location), 2)
  const { generation } = edge.changes
  publisher.speak()
  await waitFor("heartbeats", () => edge.changes.isLive(performance.now()), { timeoutMs: 2_000 })
  t.ok(edge.changes.generation > generation)
})

t.test(
  "while Redis hangs, known links are served in time, unknown and capped ones get 503, and nothing else",
  async (t) => {
    const proxy = await startProxy(t, redis.port)
    const way = proxy.through(redis.url)
    const env = { REDIS_DEADLINE_MS: "100", HEARTBEAT_GAP_MS: "200", REDIS_SILENCE_MAX_MS: "500" }
    const { publisher, edge } = await setUp(t, env, { records: way, changes: way, clicks: way })
    await publisher.link("held")
    await publisher.link("rare", { maxClicks: 5 })
    await edge.get("/held")
    await edge.get("/rare", { method: "HEAD" })
    proxy.pause()
    await waitFor("silence", () => !edge.changes.isLive(performance.now()), { timeoutMs: 2_000 })
    for (let i = 0; i < 10; i++) {
      const beganMs = Date.now()
      const [known, unknown, capped] = await Promise.all([
        edge.get("/held"),
        edge.get(`/cold${i}`),
        edge.get("/rare", {
          headers: { "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36" },
        }),
      ])
      t.equal(known.status, 302)
      t.equal(unknown.status, 503)
      t.ok(Number(unknown.headers["retry-after"]) > 0)
      t.equal(capped.status, 503)
      // A domain, a link and a cap are each awaited once.
      t.ok(Date.now() - beganMs < 600, `${Date.now() - beganMs} ms`)
    }
    t.ok(edge.links.counters.stale > 0)
    t.ok(edge.isReady(), "readiness stays")
    proxy.resume()
    const isWell = async () => (await edge.get("/cold")).status === 404
    await waitFor("recovery", isWell, { timeoutMs: 5_000 })
  },
)

t.test(
  "while Redis is away, a link of which the same version was told again is served, a newer one is not",
  async (t) => {
    const proxy = await startProxy(t, redis.port)
    const { publisher, edge } = await setUp(t, {}, { records: proxy.through(redis.url) })
    const link = (revision: number) => publisher.link("told", { url: urlOf(revision) }, { revision })
    await link(50)
    t.equal(versionIn((await edge.get("/told")).headers.location), 50)
    proxy.refuse()
    proxy.cut()
    await link(50)
    await heard(edge, publisher)
    t.equal(versionIn((await edge.get("/told")).headers.location), 50)
    await link(51)
    await heard(edge, publisher)
    t.equal((await edge.get("/told")).status, 503)
  },
)

t.test("a value is not served stale for longer than STALE_MAX_MS", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const way = proxy.through(redis.url)
  const { publisher, edge } = await setUp(t, { STALE_MAX_MS: "400" }, { records: way, changes: way })
  await publisher.link("aging")
  await edge.get("/aging")
  proxy.refuse()
  proxy.cut()
  t.equal((await edge.get("/aging")).status, 302)
  await waitFor("it to be too old", async () => (await edge.get("/aging")).status === 503, {
    timeoutMs: 2_000,
  })
})

t.test(
  "one read of a key is under way at a time, and beyond MAX_IN_FLIGHT requests are refused at once",
  async (t) => {
    const gate = await startReplyGate(t, redis.port)
    const env = { REDIS_DEADLINE_MS: "2000", MAX_IN_FLIGHT: "10" }
    const { publisher, edge } = await setUp(t, env, { records: gate.through(redis.url) })
    await publisher.link("hot")
    await edge.get("/warm-the-domain")
    const { reads } = edge.links.counters
    gate.hold()
    const asked = Array.from({ length: 30 }, () => edge.get("/hot"))
    const first = await Promise.race(asked)
    t.equal(first.status, 503)
    await waitFor("the others to be refused", () => edge.results.unavailable === 20, { timeoutMs: 1_000 })
    gate.release()
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    t.equal(statuses.filter((status) => status === 302).length, 10)
    t.equal(edge.links.counters.reads, reads + 1)
    t.equal(edge.waits.count, 0)
  },
)

t.test("an edge is not ready before it has seen every bucket complete, and stays ready after", async (t) => {
  await redis.flush()
  const edge = await startEdge(t, redis.url)
  const isReadyWithin = (ms: number) =>
    waitFor("readiness", edge.isReady, { timeoutMs: ms }).then(
      () => true,
      () => false,
    )
  t.notOk(await isReadyWithin(700))
  t.equal((await edge.get("/x")).status, 503)
  const publisher = await startPublisher(t, redis.url)
  t.ok(await isReadyWithin(3_000))
  await redis.flush()
  await publisher.link("after")
  t.ok(edge.isReady())
})

t.test("bytes that are no record are a failure of Redis, never a 404 or a crash", async (t) => {
  const { publisher, edge } = await setUp(t)
  await publisher.redis.set(linkKey(HOST, "junk"), "not a record")
  t.equal((await edge.get("/junk")).status, 503)
})

t.test("a record that is asked for again keeps its value until it changes, and so its brand", async (t) => {
  const { publisher, edge } = await setUp(t)
  await publisher.domain(HOST, { brand: { name: "Lemon & Sons" } })
  await publisher.link("same", { url: urlOf(1) }, { revision: 50 })
  const readAgain = async (reader: RecordReader<object>, name: string) => {
    const read = () => new Promise<Answer<object>>((resolve) => reader.read(name, resolve))
    await read()
    const first = reader.peek(name)
    const second = await read()
    if (first?.kind !== "found" || second.kind !== "found") return t.fail(name)
    t.ok(first.value !== null && first.value === second.value, name)
    t.equal(reader.peek(name), second, "remembered")
  }
  // A change that is heard during a read makes its answer uncacheable.
  await heard(edge, publisher)
  await readAgain(edge.links, linkName(HOST, "same"))
  await readAgain(edge.domains, domainName(HOST))
  await publisher.link("same", { url: urlOf(2) }, { revision: 50 })
  await heard(edge, publisher)
  t.equal(versionIn((await edge.get("/same")).headers.location), 2, "the same version with another content")
})

t.test("records are bounded by what they take of memory, and those that do not fit are served", async (t) => {
  const { publisher, edge } = await setUp(t, { CACHE_MAX_LINKS_MB: "1" })
  const urlOfCode = (i: number) => `https://shop.example.com/${i}/`.padEnd(4_000, "x")
  for (let i = 0; i < 300; i++) await publisher.link(`long${i}`, { url: urlOfCode(i) })
  for (let i = 0; i < 300; i++) t.equal((await edge.get(`/long${i}`)).headers.location, urlOfCode(i))
  t.ok(edge.links.size > 50 && edge.links.size < 220, `${edge.links.size} links`)
  t.ok(edge.links.sizeBytes <= 2 ** 20)
  const metrics = await edge.registry.metrics()
  t.match(metrics, `qiao_edge_cached_records{records="links"} ${edge.links.size}`)
  t.match(metrics, 'qiao_edge_cached_records{records="domains"} 1')
  t.match(metrics, `qiao_edge_cached_bytes{records="links"} ${edge.links.sizeBytes}`)
})

t.test("what is asked for is read again before it expires, together, and the rest expires", async (t) => {
  const { publisher, edge } = await setUp(t, { CACHE_TTL_MS: "2000" })
  const codes = Array.from({ length: 150 }, (_, i) => `kept${i}`)
  for (const code of [...codes, "once"]) await publisher.link(code)
  await heard(edge, publisher)
  const askAll = () => Promise.all(codes.map((code) => edge.get(`/${code}`)))
  await edge.get("/once")
  const endsAtMs = performance.now() + 6_000
  await askAll()
  const { unverified, misses } = { ...edge.links.counters }
  while (performance.now() < endsAtMs) {
    await askAll()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.equal(edge.links.counters.unverified, unverified, "no request waited for a read")
  t.equal(edge.links.counters.misses, misses)
  t.ok(edge.links.counters.refreshes >= 2 * codes.length, "each was read again several times")
  t.ok(edge.links.counters.refreshes <= 4 * codes.length, "and not all the time")
  await edge.get("/once")
  t.equal(edge.links.counters.unverified, unverified + 1, "what nobody asked for has expired")
})
