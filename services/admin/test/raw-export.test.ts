import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { type IncomingMessage, request } from "node:http"
import { createInterface } from "node:readline"
import { sql } from "kysely"
import t, { type Test } from "tap"
import { startProcess } from "../../test/support/process.ts"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import type { Db } from "../src/db/connect.ts"
import { createRowStream } from "../src/stats/row-stream.ts"
import type { VisitAnswer } from "../src/stats/visit-formats.ts"
import { expectProblem, readAll, startAdmin } from "./support/admin.ts"
import { listen } from "./support/events.ts"
import { makeDays, seedVisits } from "./support/raw-visits.ts"

const server = await startRedis(t, { appendOnly: false })
const DAYS = 5

async function setUp(t: Test, { count, env = {} }: { count: number; env?: Record<string, string> }) {
  const admin = await startAdmin(t, { redis: server, env })
  await makeDays(admin.db, DAYS)
  const links = [await admin.newLink({ tags: ["spring"] }), await admin.newLink()] as const
  const { workspaceId, db } = admin
  await seedVisits(db, { workspaceId, linkIds: links.map(({ id }) => id), count, days: DAYS })
  return { admin, db, links }
}

async function get(t: Test, url: string, key: string): Promise<IncomingMessage> {
  const req = request(url, { headers: { authorization: `Bearer ${key}` }, agent: false })
  t.teardown(() => req.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  req.on("response", resolve).on("error", reject).end()
  return promise
}

async function idsInOrder(db: Db): Promise<string[]> {
  const { rows } = await sql<{ id: number }>`select id from visits order by at, id`.execute(db)
  return rows.map(({ id }) => String(id))
}

const linesOf = (text: string): VisitAnswer[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as VisitAnswer)

t.test("an export has what the list has, the oldest first, with and without filters", async (t) => {
  const { admin } = await setUp(t, { count: 5_000 })
  for (const query of ["", "tag=spring&platform=-qq&automated=false", "city=Lhasa"]) {
    const answer = await admin.call("GET", `/v1/stats/raw/export?${query}`)
    t.equal(answer.status, 200)
    t.match(answer.headers, {
      "content-type": /^application\/x-ndjson/,
      "content-disposition": 'attachment; filename="visits.ndjson"',
    })
    const listed = await readAll<VisitAnswer>(admin.call, `/v1/stats/raw?limit=100&${query}`)
    t.same(linesOf(answer.text), listed.reverse(), `${query}: ${listed.length}`)
  }
})

const ROWS = 200_000

t.test("an export of 200,000 visits is whole, and keeps few of them in memory", async (t) => {
  const { admin, db } = await setUp(t, { count: ROWS })
  const env = {
    ...{ DATABASE_URL: admin.databaseUrl, REDIS_URL: server.url, LOG_LEVEL: "warn" },
    NODE_OPTIONS: "--max-old-space-size=64 --max-semi-space-size=2",
  }
  const { url, pid } = await startProcess(t, "admin", env)
  const memoryBytes = async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8")
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024
  }
  await (await get(t, `${url}/v1/stats/raw/export?to=2026-11-02T00:00:00Z`, admin.key)).resume().toArray()
  const before = await memoryBytes()
  const answer = await get(t, `${url}/v1/stats/raw/export`, admin.key)
  const expected = await idsInOrder(db)
  let [count, size, most, wrong] = [0, 0, 0, 0]
  for await (const line of createInterface({ input: answer })) {
    if ((JSON.parse(line) as VisitAnswer).id !== expected[count]) wrong++
    size += line.length
    if (++count % 10_000 === 0) most = Math.max(most, await memoryBytes())
  }
  t.equal(count, ROWS)
  t.equal(wrong, 0, "each visit once, in order")
  t.comment(`${size} bytes, memory grew by ${most - before}`)
  t.ok(size > 70_000_000, "it is more than the process may have")
  t.ok(most - before < 30_000_000, `memory grew by ${most - before}`)
})

t.test("visits that arrive meanwhile make it lose and double nothing", async (t) => {
  const { admin, db, links } = await setUp(t, { count: 20_000 })
  const before = await idsInOrder(db)
  const url = await listen(admin.app)
  const answer = await get(t, `${url}/v1/stats/raw/export`, admin.key)
  const visits: VisitAnswer[] = []
  for await (const line of createInterface({ input: answer })) {
    const visit = JSON.parse(line) as VisitAnswer
    visits.push(visit)
    if (visits.length % 1_000 !== 0) continue
    await sql`
      insert into visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer)
      select time, ${links[0].id}, ${admin.workspaceId}, 'redirect', false, 'qq', 'ios', 'phone', 'safari', '', ''
      from unnest(${[visit.at, "2026-11-01T00:00:00Z", "2026-11-05T23:59:59Z"]}::timestamptz[]) as time`.execute(
      db,
    )
  }
  const ids = visits.map(({ id }) => id)
  const seen = new Set(ids)
  t.equal(seen.size, ids.length, "none twice")
  t.same(
    before.filter((id) => !seen.has(id)),
    [],
    "none lost",
  )
})

t.test("CSV is what spreadsheets read, and nothing in it runs", async (t) => {
  const { admin, db, links } = await setUp(t, { count: 0 })
  const referrers = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    'say "hi", you',
    "two\nlines",
    "上海",
    "'x",
    "a=b",
    "＝1",
  ]
  for (const [i, referrer] of referrers.entries()) {
    await sql`
      insert into visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer)
      values (${new Date(Date.UTC(2026, 10, 1) + i)}, ${links[0].id}, ${admin.workspaceId}, 'redirect', false, 'qq', 'ios',
        'phone', 'safari', '', ${referrer})`.execute(db)
  }
  const answer = await admin.call("GET", "/v1/stats/raw/export?format=csv")
  t.match(answer.headers, {
    "content-type": /^text\/csv/,
    "content-disposition": 'attachment; filename="visits.csv"',
  })
  const [header, first, ...rest] = answer.text.split("\r\n")
  t.match(header, /^id,at,link,shortUrl,decision,automated,synthetic,platform,.*,visitor$/)
  t.match(
    first,
    `,2026-11-01T00:00:00.000Z,${links[0].id},${links[0].shortUrl},redirect,false,false,qq,ios,phone,safari,,'=1+1,`,
  )
  const cells = [
    "'+1",
    "'-1",
    "'@SUM(A1)",
    "'\t=1",
    '"say ""hi"", you"',
    '"two\nlines"',
    "上海",
    "'x",
    "a=b",
    "'＝1",
  ]
  t.same(
    rest.slice(0, -1).map((line) => /safari,,(.*),,,,,,,$/s.exec(line)?.[1]),
    cells,
  )
  t.equal(rest.at(-1), "", "the last line ends as the others do")
  const marked = await admin.call("GET", "/v1/stats/raw/export?format=csv&bom=true")
  t.equal(marked.text, `\ufeff${answer.text}`)
  const empty = await admin.call("GET", "/v1/stats/raw/export?format=csv&city=Lhasa")
  t.equal(empty.text, `${header}\r\n`, "without visits there is the header alone")
})

t.test("CSV of many pages has one header and every visit", async (t) => {
  const { admin, db } = await setUp(t, { count: 3_500 })
  const { text } = await admin.call("GET", "/v1/stats/raw/export?format=csv&bom=true")
  const lines = text.split("\r\n").slice(0, -1)
  t.same(
    lines.slice(1).map((line) => line.split(",")[0]),
    await idsInOrder(db),
  )
})

t.test("a reader that takes its time holds no transaction and no connection", async (t) => {
  const { admin, db } = await setUp(t, { count: 40_000, env: { DATABASE_POOL_MAX: "1" } })
  const url = await listen(admin.app)
  const answer = await get(t, `${url}/v1/stats/raw/export`, admin.key)
  await once(answer, "readable")
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`.execute(
    db,
  )
  t.equal(rows.length, 0)
  t.equal((await admin.call("GET", "/v1/stats/raw")).status, 200)
})

t.test("an export ends when its reader goes away, and makes room for another", async (t) => {
  const { admin } = await setUp(t, { count: 40_000, env: { EXPORTS_MAX: "1" } })
  const url = await listen(admin.app)
  const answer = await get(t, `${url}/v1/stats/raw/export`, admin.key)
  await once(answer, "readable")
  const refused = await admin.call("GET", "/v1/stats/raw/export")
  expectProblem(t, refused, 503, "too_many_exports")
  t.match(refused.headers["retry-after"], /^\d+$/)
  answer.destroy()
  const export1 = "/v1/stats/raw/export?to=2026-11-01T00:01:00Z"
  await waitFor("room", async () => (await admin.call("GET", export1)).status === 200)
})

t.test("a server that stops cuts exports off, and their readers see it", async (t) => {
  const { admin } = await setUp(t, { count: 40_000 })
  const url = await listen(admin.app)
  const answer = await get(t, `${url}/v1/stats/raw/export`, admin.key)
  await once(answer, "readable")
  const started = performance.now()
  await admin.app.close()
  t.ok(performance.now() - started < 5_000, "soon")
  await t.rejects(answer.toArray(), "the answer is not complete")
})

t.test("who may not export, or asks for what there is not, is told so", async (t) => {
  const { admin } = await setUp(t, { count: 0 })
  const call = admin.as(await admin.newKey(["links:read"]))
  expectProblem(t, await call("GET", "/v1/stats/raw/export"), 403, "missing_scope")
  const wrong = await admin.call("GET", "/v1/stats/raw/export?format=xml&limit=5")
  t.same(expectProblem(t, wrong, 422, "invalid_input").errors?.length, 2)
  t.equal((await admin.call("HEAD", "/v1/stats/raw/export")).status, 404)
})

t.test("pieces are made as they are taken, and none once nobody takes them", async (t) => {
  let made = 0
  let hasEnded = false
  async function* pieces() {
    try {
      for (;;) {
        made++
        yield "piece"
      }
    } finally {
      hasEnded = true
    }
  }
  const stream = createRowStream(pieces(), 50)
  await once(stream, "readable")
  t.equal(stream.read(), "piece")
  await t.rejects(once(stream, "end"), { message: /takes nothing/ })
  t.ok(made <= 3, `${made} were made`)
  await waitFor("the source to be told", async () => hasEnded)
})
