import t from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startAdmin } from "./support/admin.ts"
import { drained, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

type Counts = { visits: number; automated: number; clicks: number }
type Visits = { source: string; totals: Counts; data: object[] }

const HOUR_MS = 3_600_000
const DIMENSIONS = ["platform", "os", "browser", "country", "language", "referrer", "decision", "rule"]
const IN_CHINA = { country: "CN", region: "Shanghai", city: "Shanghai", isp: "" }
const ELSEWHERE = { country: "US", region: "", city: "", isp: "" }

const random = seededRandom(t)
const admin = await startAdmin(t)
const redis = redisClient(t, admin.redis.url)
startIngest(
  t,
  { databaseUrl: admin.databaseUrl, redisUrl: admin.redis.url },
  { placeOf: () => random.pick([IN_CHINA, ELSEWHERE]) },
)
const links = [
  await admin.newLink({ externalId: "counted", tags: ["spring"] }),
  await admin.newLink({ tags: ["spring", "sale"] }),
] as const

async function read(params: Record<string, string>): Promise<Visits> {
  const query = new URLSearchParams({ from: new Date(Date.now() - 24 * HOUR_MS).toISOString(), ...params })
  const { status, text, body } = await admin.call<Visits>("GET", `/v1/stats/visits?${query}`)
  if (status !== 200) throw new Error(text)
  return body
}

t.test(
  "what ingest stores shows up at once, for the link by every name, its tags, domain and workspace",
  async (t) => {
    const [{ id, domain, code }, other] = links
    await send(redis, seal([visit(id), visit(id, { automated: true }), visit(id, { outcome: "guide" })]))
    await send(redis, seal([visit(other.id), visit(other.id, { synthetic: true })], { sequence: 2 }))
    await drained(redis)
    for (const link of [id, "ext_counted", `${domain}/${code}`]) {
      t.same((await read({ link })).totals, { visits: 3, automated: 1, clicks: 1 }, link)
    }
    const all = { visits: 4, automated: 1, clicks: 2 }
    t.same((await read({})).totals, all)
    t.same((await read({ tag: "spring" })).totals, all)
    t.same((await read({ tag: "sale" })).totals, { visits: 1, automated: 0, clicks: 1 })
    t.same((await read({ domain })).totals, all)
    t.same((await read({ synthetic: "true" })).totals, { visits: 1, automated: 0, clicks: 1 })
  },
)

t.test("what ingest counts is what the single visits say, by every dimension", async (t) => {
  const visits = Array.from({ length: 500 }, () =>
    visit(random.pick(links).id, {
      atMs: Date.now() - random.below(HOUR_MS / 2),
      outcome: random.pick(["redirect", "guide", "denied"]),
      automated: random.next() < 0.2,
      synthetic: random.next() < 0.1,
      language: random.pick(["zh-CN", "en", ""]),
      referrer: random.pick(["", "a.example", "b.example"]),
      rule: random.pick(["", "1", "weekend"]),
      variant: random.pick(["", "a"]),
    }),
  )
  for (let at = 0; at < visits.length; at += 100) {
    await send(redis, seal(visits.slice(at, at + 100), { sequence: 10 + at }))
  }
  await drained(redis)
  for (const groupBy of DIMENSIONS) {
    for (const scope of [{}, { link: links[0].id }, { tag: "spring" }] as Record<string, string>[]) {
      const params = { ...scope, groupBy, interval: "quarter" }
      const counted = await read(params)
      const single = await read({ ...params, isp: "-none" })
      t.match([counted, single], [{ source: "rollups" }, { source: "visits" }])
      t.same(counted.data, single.data, JSON.stringify(params))
      t.ok(counted.totals.visits > 50)
    }
  }
})
