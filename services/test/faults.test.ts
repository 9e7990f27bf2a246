import t from "tap"
import { seededRandom } from "../../packages/core/test/support/random.ts"
import { startProcess } from "./support/process.ts"
import { type Qiao, startQiao } from "./support/qiao.ts"
import { visit } from "./support/visit.ts"
import { waitFor } from "./support/wait.ts"

async function createLink(qiao: Qiao, code: string): Promise<string> {
  const answer = await qiao.api("POST", "/v1/links", { url: `https://example.com/${code}`, code })
  if (answer.status !== 201) throw new Error(answer.text)
  return (answer.json as { id: string }).id
}

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
