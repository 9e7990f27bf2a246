import { REPORTS_KEY } from "@qiao/core/keys.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { startEdge, type TestEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { ZH } from "./support/visitors.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
await publisher.link("shady")
await publisher.link("春天")

async function start(t: Test, env: NodeJS.ProcessEnv = {}, url = redis.url) {
  await publisher.redis.del(REPORTS_KEY)
  const edge = await startEdge(t, url, { TRUSTED_PROXIES: "127.0.0.1", ...env })
  await edge.ready()
  return edge
}

const stored = async () =>
  (await publisher.redis.xrange(REPORTS_KEY, "-", "+")).map(([, fields]) =>
    Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]]),
    ),
  )

function post(edge: TestEdge, fields: Record<string, string>, ip = "198.51.100.7", path = "/shady+report") {
  const headers = {
    ...{ "content-type": "application/x-www-form-urlencoded", connection: "close" },
    ...{ "accept-language": ZH, "x-forwarded-for": ip },
  }
  return edge.get(path, { method: "POST", headers, body: new URLSearchParams(fields).toString() })
}

t.test(
  "a report lands in the stream with what it is about, and without the address of who sent it",
  async (t) => {
    const edge = await start(t)
    const form = await edge.get("/shady+report?x=1&_qg=AAAAAAAAAAA")
    t.equal(form.status, 200)
    t.match(form.body, 'action="/shady+report"')
    const details = "假冒银行\r\n第二行 <b>&"
    const beganMs = Date.now()
    t.equal((await post(edge, { reason: "phishing", details })).status, 200)
    const path = `/${encodeURIComponent("春天")}%2Breport`
    t.equal((await post(edge, { reason: "other" }, "2001:db8:1:2:3::4", path)).status, 200)
    const [first, second] = await stored()
    t.match(first, {
      ...{ id: /^[\w-]{22}$/, host: HOST, code: "shady", linkId: "lnk_shady", reason: "phishing" },
      ...{ details: "假冒银行\n第二行 <b>&", language: "zh-CN", network: "198.51.100.0/24" },
    })
    t.ok(Number(first?.at) >= beganMs && Number(first?.at) <= Date.now())
    t.match(second, { code: "春天", details: "", network: "2001:db8:1:2::/64" })
    t.not(first?.id, second?.id)
    t.equal(edge.clicks.counters.accepted, 0, "no visit")
  },
)

t.test(
  "what is not a report is refused, and nothing of it is stored or counted against anyone",
  async (t) => {
    const edge = await start(t, { REPORTS_PER_HOUR: "1" })
    const wrong: Record<string, string>[] = [
      {},
      { reason: "" },
      { reason: "boring" },
      { reason: "spam", details: "x".repeat(501) },
    ]
    for (const fields of wrong) {
      t.equal((await post(edge, fields)).status, 422, JSON.stringify(fields).slice(0, 40))
    }
    t.equal((await post(edge, { reason: "spam", details: "x".repeat(6_000) })).status, 413)
    const multipart = { "content-type": "multipart/form-data", connection: "close" }
    t.equal((await edge.get("/shady+report", { method: "POST", headers: multipart })).status, 415)
    t.equal((await edge.get("/shady+report", { method: "PUT" })).status, 405)
    t.equal((await post(edge, { reason: "spam" }, undefined, "/unknown+report")).status, 405)
    t.same(await stored(), [])
    t.equal(
      (await post(edge, { reason: "spam", details: `a\0b${"字".repeat(498)}` })).status,
      200,
      "500 at most",
    )
    t.equal((await stored())[0]?.details, `ab${"字".repeat(498)}`)
  },
)

t.test("a client reports so often an hour, however parallel, and its neighbours as often", async (t) => {
  const edge = await start(t, { REPORTS_PER_HOUR: "3" })
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => post(edge, { reason: "spam" }, `2001:db8:1:2::${i}`)),
  )
  t.equal(answers.filter(({ status }) => status === 200).length, 3)
  const refused = answers.filter(({ status }) => status === 429)
  t.equal(refused.length, 7)
  t.ok(refused.every(({ headers }) => Number(headers["retry-after"]) > 3_000))
  for (const ip of ["203.0.113.1", "203.0.113.2"]) {
    for (const status of [200, 200, 200, 429])
      t.equal((await post(edge, { reason: "spam" }, ip)).status, status)
  }
  t.equal((await stored()).length, 9)
  t.match(await edge.registry.metrics(), 'qiao_edge_reports_total{answer="limited"} 9')
})

t.test("reports that nobody reads do not fill Redis", async (t) => {
  const edge = await start(t, { REPORTS_MAX: "3", REPORTS_PER_HOUR: "1" })
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => post(edge, { reason: "spam" }, `198.51.${i}.1`)),
  )
  t.equal(answers.filter(({ status }) => status === 200).length, 3)
  const refused = answers.filter(({ status }) => status === 503)
  t.equal(refused.length, 7)
  t.ok(refused.every(({ headers }) => Number(headers["retry-after"]) > 0))
  t.equal((await stored()).length, 3)
  await publisher.redis.del(REPORTS_KEY)
  const again = await Promise.all(
    Array.from({ length: 10 }, (_, i) => post(edge, { reason: "spam" }, `198.51.${i}.1`)),
  )
  t.equal(
    again.filter(({ status }) => status === 200).length,
    3,
    "a refused one is not counted against anyone",
  )
})

t.test("a Redis that is away is said, and the report is not lost silently", async (t) => {
  const proxy = await startProxy(t, redis.port)
  const edge = await start(t, { REPORTS_PER_HOUR: "1" }, proxy.through(redis.url))
  t.equal((await edge.get("/shady+report")).status, 200)
  proxy.refuse()
  proxy.cut()
  const answer = await post(edge, { reason: "spam" })
  t.equal(answer.status, 503)
  t.match(answer.body, "<form")
  t.match(edge.reports.counters, { failed: 1, stored: 0 })
})
