import { REPORTS_KEY } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { sql } from "kysely"
import pg from "pg"
import t, { type Test } from "tap"
import { startProcess } from "../../test/support/process.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { expectProblem, faults, HOST, readAll, startAdmin } from "./support/admin.ts"
import { drained, expectCounts, seal, send, startIngest, startReporting, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

type Report = {
  id: string
  link: string
  workspaceId: string | null
  reason: string
  details: string
  network: string | null
  reportedAt: string
}

const server = await startRedis(t, { appendOnly: false })
let reports = 0

async function setUp(t: Test) {
  await server.flush()
  const admin = await startAdmin(t, { redis: server })
  const redis = redisClient(t, server.url)
  return { admin, redis, stores: { databaseUrl: admin.databaseUrl, redisUrl: server.url } }
}

type Setup = Awaited<ReturnType<typeof setUp>>

function fieldsOf(link: { id: string; code: string }, more: object = {}): Record<string, string> {
  return {
    ...{
      id: `edge-report-${reports++}`,
      at: String(Date.now()),
      host: HOST,
      code: link.code,
      linkId: link.id,
    },
    ...{ reason: "fraud", details: "", language: "zh-CN", network: "203.0.113.0/24" },
    ...more,
  }
}

const add = ({ redis }: Setup, fields: Record<string, string>) =>
  redis.xadd(REPORTS_KEY, "*", ...Object.entries(fields).flat())

const brought = ({ redis }: Setup) =>
  waitFor("the reports to be brought", async () => (await redis.xlen(REPORTS_KEY)) === 0)

const stored = ({ admin }: Setup) => admin.db.selectFrom("reports").select("edgeId").execute()

t.test("a visitor's report reaches the API as the edge told it", async (t) => {
  const setup = await setUp(t)
  const link = await setup.admin.newLink({ code: "春天" })
  const details = "他们要我的密码\n'; drop table reports; --\t\\N"
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
  startReporting(t, setup.stores)
  await add(setup, fieldsOf(link, { details, at: String(at) }))
  await brought(setup)
  const [report, ...others] = await readAll<Report>(setup.admin.call, "/v1/reports")
  t.same(others, [])
  t.match(report, {
    ...{ link: link.id, workspaceId: setup.admin.workspaceId, domain: HOST, code: "春天", reason: "fraud" },
    ...{ details, language: "zh-CN", network: "203.0.113.0/24", reportedAt: new Date(at).toISOString() },
  })
  t.match(report?.id, /^rpt_[0-9a-z]{26}$/)
})

t.test("the ingest's process brings reports, and tells what it did", async (t) => {
  const setup = await setUp(t)
  const link = await setup.admin.newLink()
  const { databaseUrl: DATABASE_URL, redisUrl: REDIS_URL } = setup.stores
  const ingest = await startProcess(t, "ingest", { DATABASE_URL, REDIS_URL })
  await add(setup, fieldsOf(link))
  await add(setup, { no: "report" })
  await brought(setup)
  const metrics = await (await fetch(`${ingest.ops}/metrics`)).text()
  t.match(metrics, /^qiao_ingest_reports_total 1$/m)
  t.match(metrics, /^qiao_ingest_reports_dropped_total 1$/m)
  t.match(metrics, /^qiao_ingest_backlog_reports 0$/m)
  t.match(ingest.logs(), "dropped a report")
  t.equal(await ingest.stop(), 0)
  t.equal((await stored(setup)).length, 1)
})

t.test("a report is stored once, though it is delivered twice and by two ingests", async (t) => {
  const setup = await setUp(t)
  const link = await setup.admin.newLink()
  const all = Array.from({ length: 250 }, () => fieldsOf(link))
  for (const fields of [...all, ...all]) await add(setup, fields)
  const ingests = [startReporting(t, setup.stores), startReporting(t, setup.stores)]
  await brought(setup)
  for (const fields of all.slice(0, 50)) await add(setup, fields)
  await brought(setup)
  t.equal((await stored(setup)).length, 250)
  t.equal(
    ingests.reduce((sum, { metrics }) => sum + metrics.reports, 0),
    250,
  )
})

t.test("an ingest that stores reports and cannot delete them any more doubles none", async (t) => {
  const setup = await setUp(t)
  const link = await setup.admin.newLink()
  const proxy = await startProxy(t, server.port)
  const blocker = new pg.Client(setup.stores.databaseUrl)
  await blocker.connect()
  t.teardown(() => blocker.end())
  await blocker.query("begin")
  await blocker.query("lock table reports in exclusive mode")
  for (let i = 0; i < 10; i++) await add(setup, fieldsOf(link))
  const { metrics } = startReporting(t, { ...setup.stores, redisUrl: proxy.through(server.url) })
  const waiting =
    "select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())"
  await waitFor("the insert to wait", async () => (await blocker.query(waiting)).rowCount)
  proxy.pause()
  await blocker.query("commit")
  await waitFor("the reports to be stored", async () => (await stored(setup)).length === 10)
  t.equal(await setup.redis.xlen(REPORTS_KEY), 10, "nothing is deleted")
  proxy.cut()
  proxy.resume()
  await brought(setup)
  t.equal((await stored(setup)).length, 10)
  t.ok(metrics.reportFailures > 0, "it has failed, and tried again")
})

t.test("clicks are stored while reports cannot be", async (t) => {
  const setup = await setUp(t)
  const link = await setup.admin.newLink()
  const blocker = new pg.Client(setup.stores.databaseUrl)
  await blocker.connect()
  t.teardown(() => blocker.end())
  await blocker.query("begin")
  await blocker.query("lock table reports in exclusive mode")
  startReporting(t, setup.stores)
  startIngest(t, setup.stores)
  await add(setup, fieldsOf(link))
  await send(setup.redis, seal([visit(link.id)]))
  await drained(setup.redis)
  await expectCounts(t, setup.admin.db, { visits: 1 })
  t.equal(await setup.redis.xlen(REPORTS_KEY), 1)
  await blocker.query("commit")
  await brought(setup)
  t.equal((await stored(setup)).length, 1)
})

t.test("what is no report is dropped and counted, and the rest is stored", async (t) => {
  const setup = await setUp(t)
  const link = await setup.admin.newLink()
  const { id: _, ...withoutId } = fieldsOf(link)
  const bad = [
    withoutId,
    { other: "field" },
    fieldsOf(link, { at: "yesterday" }),
    fieldsOf(link, { at: "1e9" }),
    fieldsOf(link, { at: "9".repeat(40) }),
    fieldsOf(link, { details: "nul\u0000" }),
    fieldsOf(link, { details: "x".repeat(2_001) }),
    fieldsOf(link, { linkId: "x".repeat(10_000) }),
    fieldsOf(link, { reason: "" }),
    fieldsOf(link, { code: "" }),
  ]
  await add(setup, fieldsOf(link))
  for (const fields of bad) await add(setup, fields)
  await add(setup, fieldsOf(link, { at: String(Date.now() + 1e9), details: "\u0001\uD83D\uDE00" }))
  const { metrics } = startReporting(t, setup.stores)
  await brought(setup)
  t.same(metrics, { reports: 2, reportsDropped: bad.length, reportFailures: 0 })
  const { rows } = await sql`select 1 from reports where reported_at > now()`.execute(setup.admin.db)
  t.equal(rows.length, 0, "no report is of the future")
})

t.test("reports of banned, deleted and unknown links are kept", async (t) => {
  const setup = await setUp(t)
  const { call, newLink, workspaceId } = setup.admin
  const [banned, deleted] = [await newLink(), await newLink()]
  await call("POST", "/v1/bans", { kind: "link", value: banned.id, reason: "x" })
  await call("DELETE", `/v1/links/${deleted.id}`)
  startReporting(t, setup.stores)
  for (const link of [banned, deleted, { id: "lnk_unknown", code: "x" }]) await add(setup, fieldsOf(link))
  await brought(setup)
  const all = await readAll<Report>(call, "/v1/reports?limit=1")
  t.same(
    all.map(({ link, workspaceId }) => [link, workspaceId]),
    [
      ["lnk_unknown", null],
      [deleted.id, workspaceId],
      [banned.id, workspaceId],
    ],
    "newest first",
  )
  t.same(await readAll(call, `/v1/reports?link=${deleted.id}`), [all[1]])
})

t.test("a workspace sees its own reports, and not where they came from; the operator sees all", async (t) => {
  const setup = await setUp(t)
  const { admin } = setup
  const stranger = await admin.newWorkspace("theirs.example.com")
  const [own, foreign] = [
    await admin.newLink({ externalId: "own" }),
    (await stranger.call<Link>("POST", "/v1/links", { url: "https://a.example/" })).body,
  ]
  startReporting(t, setup.stores)
  await add(setup, fieldsOf(own))
  await add(setup, fieldsOf(foreign, { reason: "porn", host: stranger.host }))
  await brought(setup)
  const reader = admin.as(await admin.newKey(["links:read"]))
  const links = async (call = reader, query = "") =>
    (await readAll<Report>(call, `/v1/reports${query}`)).map(({ link }) => link)
  t.same(await links(), [own.id])
  t.same(await links(stranger.call), [foreign.id])
  t.same(await links(admin.call), [foreign.id, own.id])
  t.same(await links(admin.call, `?workspaceId=${stranger.workspaceId}`), [foreign.id])
  t.same(await links(admin.call, "?reason=porn"), [foreign.id])
  const address = encodeURIComponent(`${stranger.host}/${foreign.code}`)
  t.same(await links(admin.call, `?link=${address}`), [foreign.id])
  t.same(await links(reader, "?link=ext_own"), [own.id])
  t.same(await links(reader, `?link=${foreign.id}`), [], "an id of another workspace finds nothing")
  expectProblem(t, await reader("GET", `/v1/reports?link=${address}`), 404, "not_found")
  expectProblem(
    t,
    await reader("GET", `/v1/reports?workspaceId=${stranger.workspaceId}`),
    403,
    "missing_scope",
  )
  const [seen] = await readAll<Report>(reader, "/v1/reports")
  t.equal(seen?.network, null)
  const query = await reader("GET", "/v1/reports?limit=x&more=1")
  t.same(faults(expectProblem(t, query, 422, "invalid_input")), [
    "/limit invalid_type",
    "/more unknown_field",
  ])
})
