import t, { type Test } from "tap"
import { seededRandom } from "../../packages/core/test/support/random.ts"
import { startProcess } from "./support/process.ts"
import { type Qiao, startQiao } from "./support/qiao.ts"
import { startProxy, type TcpProxy } from "./support/tcp-proxy.ts"
import { SAFARI, visit } from "./support/visit.ts"
import { waitFor } from "./support/wait.ts"

const VISITS = 1_000

async function createLink(qiao: Qiao, code: string): Promise<string> {
  const answer = await qiao.api("POST", "/v1/links", { url: `https://example.com/${code}`, code })
  if (answer.status !== 201) throw new Error(answer.text)
  return (answer.json as { id: string }).id
}

/** Visits from ten clients at a time; resolves to how many were redirected. */
async function visitMany(
  url: string,
  count: number,
  onVisit: (n: number) => void = () => {},
): Promise<number> {
  let started = 0
  let redirected = 0
  const client = async () => {
    while (started < count) {
      onVisit(started++)
      const answer = await visit(url, `${SAFARI} n/${started % 50}`)
      if (answer.status === 302) redirected++
    }
  }
  await Promise.all(Array.from({ length: 10 }, client))
  return redirected
}

/** Waits until the link's counts stop at what was visited, and stay there. */
async function expectClicks(t: Test, qiao: Qiao, linkId: string, expected: number) {
  const clicks = async () =>
    ((await qiao.api("GET", `/v1/links/${linkId}`)).json as { clicks: number }).clicks
  await waitFor(`${expected} clicks`, async () => (await clicks()) >= expected, { timeoutMs: 20_000 })
  const streams = async () => {
    const metrics = await (await fetch(`${qiao.processes.ingest.ops}/metrics`)).text()
    return [...metrics.matchAll(/^qiao_ingest_backlog_batches\{.*\} (\d+)$/gm)].every(
      ([, length]) => length === "0",
    )
  }
  await waitFor("the streams to be empty", streams, { timeoutMs: 20_000 }).catch(() => {})
  t.equal(await clicks(), expected, "each click is counted once")
}

t.test("an ingest killed in the middle of a thousand visits loses and doubles nothing", async (t) => {
  const random = seededRandom(t)
  const qiao = await startQiao(t)
  const id = await createLink(qiao, "ingest")
  const stores = { DATABASE_URL: qiao.databaseUrl, REDIS_URL: qiao.redisUrl }
  const deaths = new Set([100 + random.below(300), 500 + random.below(300)])
  let current = qiao.processes.ingest
  let replacing = Promise.resolve()
  const redirected = await visitMany(`${qiao.edge}/ingest`, VISITS, (n) => {
    if (!deaths.has(n)) return
    replacing = replacing.then(async () => {
      await current.kill9()
      current = await startProcess(t, "ingest", stores)
    })
  })
  await replacing
  t.equal(redirected, VISITS)
  await expectClicks(t, { ...qiao, processes: { ...qiao.processes, ingest: current } }, id, VISITS)
})

t.test("a publisher killed in the middle of edits loses none, and another one goes on", async (t) => {
  const random = seededRandom(t)
  const qiao = await startQiao(t, { env: { PUBLISH_WAIT_MS: "0" } })
  const stores = { DATABASE_URL: qiao.databaseUrl, REDIS_URL: qiao.redisUrl }
  const codes = Array.from({ length: 100 }, (_, n) => `p${n}`)
  const death = random.below(codes.length)
  for (const [n, code] of codes.entries()) {
    if (n === death) await qiao.processes.publisher.kill9()
    await createLink(qiao, code)
  }
  await startProcess(t, "publisher", stores)
  for (const code of codes) {
    const isServed = async () => (await visit(`${qiao.edge}/${code}`)).status === 302
    await waitFor(`${code} to be served`, isServed, { timeoutMs: 5_000 })
    t.match(await visit(`${qiao.edge}/${code}`), { location: `https://example.com/${code}` })
  }
})

t.test("while Redis is flushed and refilled no real link answers 404", async (t) => {
  const qiao = await startQiao(t)
  const codes = Array.from({ length: 200 }, (_, n) => `f${n}`)
  for (const code of codes) await createLink(qiao, code)
  const known = codes.slice(0, 20)

  const seen = new Map<number, number>()
  let isFlushing = true
  const traffic = (async () => {
    for (let n = 0; isFlushing; n++) {
      const { status } = await visit(`${qiao.edge}/${codes[n % codes.length]}`)
      seen.set(status, (seen.get(status) ?? 0) + 1)
    }
  })()
  for (let round = 0; round < 5; round++) {
    for (const code of known) await visit(`${qiao.edge}/${code}`)
    await qiao.redis.flush()
    for (const code of known)
      t.match(await visit(`${qiao.edge}/${code}`), { status: 302 }, "known links are served")
    const isBack = async () => (await visit(`${qiao.edge}/never-made-${round}`)).status === 404
    await waitFor("Redis to be complete again", isBack, { timeoutMs: 10_000 })
  }
  isFlushing = false
  await traffic
  t.comment(`answers: ${JSON.stringify([...seen])}`)
  t.notOk(seen.has(404), "no real link answered 404")
  t.ok([...seen.keys()].every((status) => status === 302 || status === 503))
})

t.test(
  "without a publisher an empty Redis answers 503 with Retry-After, and known links go on",
  async (t) => {
    const qiao = await startQiao(t)
    await createLink(qiao, "known")
    await createLink(qiao, "cold")
    t.match(await visit(`${qiao.edge}/known`), { status: 302 })
    await qiao.processes.publisher.kill9()
    await qiao.redis.flush()
    t.match(await visit(`${qiao.edge}/known`), { status: 302 })
    const cold = await fetch(`${qiao.edge}/cold`, { redirect: "manual" })
    t.equal(cold.status, 503)
    t.match(cold.headers.get("retry-after"), /^\d+$/)
    await startProcess(t, "publisher", { DATABASE_URL: qiao.databaseUrl, REDIS_URL: qiao.redisUrl })
    const isServed = async () => (await visit(`${qiao.edge}/cold`)).status === 302
    await waitFor("the link to be served again", isServed, { timeoutMs: 5_000 })
  },
)

t.test("clicks survive a Redis that cannot be reached for a while", async (t) => {
  let proxy: TcpProxy | undefined
  const qiao = await startQiao(t, {
    redisUrl: async (redis) => {
      proxy = await startProxy(t, redis.port)
      return proxy.through(redis.url)
    },
  })
  const id = await createLink(qiao, "away")
  await visit(`${qiao.edge}/away`)
  const redirected = await visitMany(`${qiao.edge}/away`, VISITS, (n) => {
    if (n === 300) {
      proxy?.refuse()
      proxy?.cut()
    }
    if (n === 700) proxy?.accept()
  })
  t.equal(redirected, VISITS, "known links are served meanwhile")
  await expectClicks(t, qiao, id, VISITS + 1)
})

t.test("an edge that is stopped under load fails no request and loses no click", async (t) => {
  const qiao = await startQiao(t, { edges: 2 })
  const id = await createLink(qiao, "stop")
  const [first, second] = qiao.processes.edges
  if (first === undefined || second === undefined) throw new Error("two edges were asked for")
  let target = first.url
  let stopping: Promise<number | NodeJS.Signals | null> | undefined
  let redirected = 0
  for (let n = 0; n < VISITS; n++) {
    if (n === VISITS / 2) {
      stopping = first.stop()
      target = second.url
    }
    if ((await visit(`${target}/stop`)).status === 302) redirected++
  }
  t.equal(await stopping, 0)
  t.equal(redirected, VISITS)
  await expectClicks(t, qiao, id, VISITS)
})
