import t, { type Test } from "tap"
import { type Qiao, startQiao } from "./support/qiao.ts"
import { CRAWLER, SAFARI, visit, WECHAT } from "./support/visit.ts"
import { waitFor } from "./support/wait.ts"

type Created = { id: string; shortUrl: string }
type Visits = { totals: object; data: { value: string; visits: number; automated: number; clicks: number }[] }

async function create(t: Test, qiao: Qiao, link: object): Promise<Created> {
  const answer = await qiao.api("POST", "/v1/links", link)
  t.equal(answer.status, 201, answer.text)
  return answer.json as Created
}

t.test("a link is made, redirects by platform, and its visits are counted", async (t) => {
  const qiao = await startQiao(t)
  const guided = await create(t, qiao, {
    url: "https://shop.example.com/spring",
    guidePlatforms: ["wechat", "qq", "douyin"],
  })
  const inWeChat = await create(t, qiao, { url: "https://example.com/", allowPlatforms: ["wechat"] })

  t.match(await visit(guided.shortUrl), { status: 302, location: "https://shop.example.com/spring" })
  t.match(await visit(guided.shortUrl, WECHAT), { status: 200, body: "shop.example.com" })
  t.match(await visit(guided.shortUrl, CRAWLER), { status: 302, location: "https://shop.example.com/spring" })
  t.match(await visit(inWeChat.shortUrl), { status: 403 })
  t.match(await visit(inWeChat.shortUrl, WECHAT), { status: 302, location: "https://example.com/" })

  const visitsOf = async (link: Created): Promise<Visits> =>
    (await qiao.api("GET", `/v1/stats/top?link=${link.id}&by=platform&sort=visits`)).json as Visits
  const counted = async () => ((await visitsOf(guided)).totals as { visits: number }).visits === 3
  await waitFor("the visits to be counted", counted, { timeoutMs: 2_000 })
  t.match(await visitsOf(guided), {
    totals: { visits: 3, automated: 1, clicks: 1 },
    data: [
      { value: "browser", visits: 2, automated: 1, clicks: 1 },
      { value: "wechat", visits: 1, automated: 0, clicks: 0 },
    ],
  })
  t.match((await qiao.api("GET", `/v1/links/${guided.id}`)).json, {
    visits: { total: 3, automated: 1 },
    clicks: 1,
  })
})

t.test("each change is served by every edge, and no stale answer comes back after it", async (t) => {
  const qiao = await startQiao(t, { edges: 2 })
  const edges = qiao.processes.edges.map((edge) => edge.url)
  const delaysMs: number[] = []
  /** Waits for every edge to serve it, and then asks each a few times more. */
  const served = async (code: string, expected: object) => {
    const start = performance.now()
    for (const edge of edges) {
      const isServed = async () => {
        const answer: object = await visit(`${edge}/${code}`)
        return Object.entries(expected).every(([key, value]) => Reflect.get(answer, key) === value)
      }
      await waitFor(`${JSON.stringify(expected)} of ${code}`, isServed, { timeoutMs: 5_000, intervalMs: 2 })
    }
    delaysMs.push(performance.now() - start)
    for (const edge of edges) t.match(await visit(`${edge}/${code}`), expected)
  }
  for (let round = 0; round < 20; round++) {
    const code = `round-${round}`
    for (const edge of edges) t.match(await visit(`${edge}/${code}`), { status: 404 })
    await create(t, qiao, { url: "https://example.com/1", code })
    await served(code, { location: "https://example.com/1" })
    await qiao.api("PATCH", `/v1/links/localhost%2F${code}`, { url: "https://example.com/2" })
    await served(code, { location: "https://example.com/2" })
    await qiao.api("DELETE", `/v1/links/localhost%2F${code}`)
    await served(code, { status: 410 })
    await create(t, qiao, { url: "https://example.com/3", code, reuse: true })
    await served(code, { location: "https://example.com/3" })
  }
  const sorted = delaysMs.toSorted((a, b) => a - b)
  t.comment(`from the answer to both edges: median ${at(sorted, 0.5)} ms, p99 ${at(sorted, 0.99)} ms`)
})

function at(sorted: number[], share: number): string {
  return (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1)
}

t.test("a domain answers on its aliases, and no other host does", async (t) => {
  const qiao = await startQiao(t)
  const link = await create(t, qiao, { url: "https://example.com/", code: "春节" })
  const port = new URL(qiao.edge).port
  t.match(await visit(link.shortUrl, SAFARI), { status: 302 })
  t.match(await visit(`http://127.0.0.1:${port}/%E6%98%A5%E8%8A%82`), { status: 302 })
  t.match(await visit(`http://127.0.0.2:${port}/%E6%98%A5%E8%8A%82`).catch(() => ({ status: 0 })), {
    status: /^(0|421)$/,
  })
})
