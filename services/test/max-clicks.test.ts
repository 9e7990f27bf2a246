import t from "tap"
import type { Link } from "../../packages/core/src/link.ts"
import { startProcess } from "./support/process.ts"
import { startQiao } from "./support/qiao.ts"
import { CRAWLER, visit } from "./support/visit.ts"
import { waitFor } from "./support/wait.ts"

const MAX_CLICKS = 60
/** Hundreds of visitors come at once on a machine that has other work. */
const PATIENT = { REDIS_DEADLINE_MS: "10000", PUBLISH_WAIT_MS: "5000" }

t.test(
  "after Redis was flushed, no more than maxClicks and what was not ingested is given away by two edges",
  async (t) => {
    const qiao = await startQiao(t, { edges: 2, env: PATIENT })
    const { edges, ingest } = qiao.processes
    const made = await qiao.api("POST", "/v1/links", { url: "https://a.example/", maxClicks: MAX_CLICKS })
    const { id, code } = made.json as Link
    const port = (url = "") => `http://localhost:${new URL(url).port}`
    const urls = edges.map(({ url }) => `${port(url)}/${code}`)
    /** How many of so many visitors at once are redirected; the others are told that none is left. */
    const rush = async (visitors: number) => {
      const visits = Array.from({ length: visitors }, (_, i) => visit(urls[i % 2] ?? ""))
      const statuses = (await Promise.all(visits)).map(({ status }) => status)
      t.ok(statuses.every((status) => status === 302 || status === 410))
      return statuses.filter((status) => status === 302).length
    }
    const link = async () => (await qiao.api("GET", `/v1/links/${id}`)).json as Link
    const ingested = (clicks: number) =>
      waitFor(`${clicks} clicks to be ingested`, async () => (await link()).clicks === clicks, {
        timeoutMs: 10_000,
      })
    const areServed = () =>
      waitFor("both edges to know the counter", async () => {
        const answers = await Promise.all(urls.map((url) => visit(url, CRAWLER)))
        return answers.every(({ status }) => status !== 503 && status !== 404)
      })

    await areServed()
    t.equal(await rush(20), 20)
    await ingested(20)
    await ingest.stop()
    t.equal(await rush(5), 5, "nobody ingests these")
    await waitFor("the edges to have sent them", async () => {
      const metrics = edges.map(async ({ ops }) => (await fetch(`${ops}/metrics`)).text())
      return (await Promise.all(metrics)).every((text) => /^qiao_edge_visits_waiting 0$/m.test(text))
    })
    await qiao.redis.flush()
    await areServed()
    t.equal(await rush(500), MAX_CLICKS - 20, "it starts from the 20 that Postgres has")

    const stores = { DATABASE_URL: qiao.databaseUrl, REDIS_URL: qiao.redisUrl }
    await startProcess(t, "ingest", stores)
    await ingested(MAX_CLICKS)
    t.equal((await link()).status, "exhausted", "as the edges have it")
    t.equal(await rush(10), 0)

    await qiao.api("PATCH", `/v1/links/${id}`, { maxClicks: MAX_CLICKS + 3 })
    t.equal((await link()).status, "active")
    await waitFor("the edges to hear of it", async () => (await visit(urls[0] ?? "", CRAWLER)).status === 302)
    await waitFor("the edges to hear of it", async () => (await visit(urls[1] ?? "", CRAWLER)).status === 302)
    t.equal(await rush(10), 3)
  },
)
