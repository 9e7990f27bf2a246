import { sql } from "kysely"
import t, { type Test } from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { newId } from "../src/ids.ts"
import { createDomain } from "../src/repositories/domains.ts"
import type { VisitAnswer } from "../src/stats/visit-formats.ts"
import { type Admin, expectProblem, faults, type PageBody, readAll, startAdmin } from "./support/admin.ts"
import { FIRST_DAY, makeDays, seedVisits } from "./support/raw-visits.ts"
import { seedLinks } from "./support/seed.ts"

const server = await startRedis(t, { appendOnly: false })
const DAYS = 5
const SEEDED = 3_000

type Page = PageBody<VisitAnswer>

async function setUp(
  t: Test,
  { count = SEEDED, env = {} }: { count?: number; env?: Record<string, string> } = {},
) {
  const admin = await startAdmin(t, { redis: server, env })
  await makeDays(admin.db, DAYS)
  const links = [
    await admin.newLink({ tags: ["spring"] }),
    await admin.newLink(),
    await admin.newLink(),
  ] as const
  const { workspaceId, db } = admin
  await seedVisits(db, { workspaceId, linkIds: links.map(({ id }) => id), count, days: DAYS })
  return { admin, db, links }
}

const list = (admin: Admin, query = "") =>
  readAll<VisitAnswer>(admin.call, `/v1/stats/raw?limit=100&${query}`)

/** The ids of what a condition holds for, in the order of the list. */
async function idsWhere(admin: Admin, condition: ReturnType<typeof sql>): Promise<string[]> {
  const { rows } = await sql<{ id: number }>`
    select id from visits where ${condition} order by at desc, id desc`.execute(admin.db)
  return rows.map(({ id }) => String(id))
}

const idsOf = (visits: VisitAnswer[]): string[] => visits.map(({ id }) => id)

t.test("the list has every visit once, the newest first, though many share a millisecond", async (t) => {
  const { admin, db } = await setUp(t)
  const visits = await list(admin)
  t.equal(visits.length, SEEDED)
  t.same(idsOf(visits), await idsWhere(admin, sql`true`))
  const { rows } = await sql<{ times: number }>`select count(distinct at)::int as times from visits`.execute(
    db,
  )
  t.ok((rows[0]?.times ?? SEEDED) < SEEDED / 10, "they do")
})

t.test("a visit is told with all that is known of it", async (t) => {
  const { admin, links } = await setUp(t, { count: 0 })
  await sql`
    insert into visits (at, link_id, workspace_id, outcome, automated, synthetic, platform, os, device, browser, language,
      referrer, rule, variant, country, region, city, isp, visitor)
    values ('2026-11-02T03:04:05.678Z', ${links[0].id}, ${admin.workspaceId}, 'guide', true, false, 'wechat', 'ios', 'phone',
      'safari', 'zh-CN', 'mp.weixin.qq.com', 'vip', 'a', 'CN', 'CN-SH', '上海', 'China Telecom', -1)`.execute(
    admin.db,
  )
  const { body } = await admin.call<Page>("GET", "/v1/stats/raw")
  const [visit] = body.data
  const { id, ...rest } = visit as VisitAnswer
  t.match(id, /^\d+$/)
  t.same(rest, {
    ...{ at: "2026-11-02T03:04:05.678Z", link: links[0].id, shortUrl: links[0].shortUrl, decision: "guide" },
    ...{
      automated: true,
      synthetic: false,
      platform: "wechat",
      os: "ios",
      device: "phone",
      browser: "safari",
    },
    ...{ language: "zh-CN", referrer: "mp.weixin.qq.com", rule: "vip", variant: "a", country: "CN" },
    ...{ region: "CN-SH", city: "上海", isp: "China Telecom", visitor: "ffffffffffffffff" },
  })
  t.equal(body.nextCursor, null)
})

t.test("paging loses and doubles nothing while visits arrive, early and late ones", async (t) => {
  const { admin, db, links } = await setUp(t, { count: 1_000 })
  const random = seededRandom(t)
  const before = await idsWhere(admin, sql`true`)
  const seen: VisitAnswer[] = []
  let cursor: string | null = null
  do {
    const path: string = `/v1/stats/raw?limit=37${cursor === null ? "" : `&cursor=${cursor}`}`
    const { body }: { body: Page } = await admin.call<Page>("GET", path)
    seen.push(...body.data)
    cursor = body.nextCursor
    const { workspaceId } = admin
    const at = new Date(Date.parse(FIRST_DAY) + random.below(DAYS * 86_400_000))
    const times = [at.toISOString(), body.data.at(-1)?.at ?? FIRST_DAY]
    for (const time of times) {
      await sql`
        insert into visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer)
        values (${time}, ${links[0].id}, ${workspaceId}, 'redirect', false, 'qq', 'ios', 'phone', 'safari', '', '')`.execute(
        db,
      )
    }
  } while (cursor !== null)
  const ids = idsOf(seen)
  t.equal(new Set(ids).size, ids.length, "none twice")
  t.same(
    before.filter((id) => !ids.includes(id)),
    [],
    "none lost",
  )
  const sorted = [...seen].sort((a, b) =>
    a.at === b.at ? Number(b.id) - Number(a.id) : a.at < b.at ? 1 : -1,
  )
  t.same(ids, idsOf(sorted), "in order")
})

t.test("every filter lets through what it says, alone and together", async (t) => {
  const { admin, links } = await setUp(t)
  const [spring, , third] = links
  const cases: [query: string, condition: ReturnType<typeof sql>][] = [
    [`link=${third.id}`, sql`link_id = ${third.id}`],
    [`link=${encodeURIComponent(`${third.domain}/${third.code}`)}`, sql`link_id = ${third.id}`],
    ["tag=spring", sql`link_id = ${spring.id}`],
    [`domain=${admin.host}`, sql`true`],
    ["platform=wechat,qq", sql`platform in ('wechat', 'qq')`],
    ["platform=-browser", sql`platform <> 'browser'`],
    ["city=Shanghai", sql`city = 'Shanghai'`],
    ["isp=-Telecom,-Unicom", sql`isp = 'Mobile'`],
    ["decision=guide", sql`outcome = 'guide'`],
    ["rule=", sql`rule = ''`],
    ["automated=true", sql`automated`],
    ["automated=false&synthetic=false", sql`not automated and not synthetic`],
    ["synthetic=true", sql`synthetic`],
    [
      "from=2026-11-02T05:00:00Z&to=2026-11-03T00:00:00Z",
      sql`at >= '2026-11-02T05:00Z' and at < '2026-11-03Z'`,
    ],
    [
      "tag=spring&os=ios&region=CN-SH&synthetic=false&from=2026-11-02T00:00:00Z",
      sql`link_id = ${spring.id} and os = 'ios' and region = 'CN-SH' and not synthetic and at >= '2026-11-02Z'`,
    ],
    [`link=${third.id}&tag=spring`, sql`false`],
  ]
  for (const [query, condition] of cases) {
    const expected = await idsWhere(admin, condition)
    t.same(idsOf(await list(admin, query)), expected, `${query}: ${expected.length}`)
  }
})

t.test("what is rare is found however far it is, over pages that may be empty", async (t) => {
  const { admin, db, links } = await setUp(t, { count: 70_000, env: { STATS_VISITS_MAX: "20000" } })
  const times = ["2026-11-01T00:00:00.001Z", "2026-11-02T12:00:00.000Z"]
  for (const at of times) {
    await sql`
      insert into visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer, city)
      values (${at}, ${links[1].id}, ${admin.workspaceId}, 'redirect', false, 'qq', 'ios', 'phone', 'safari', '', '', 'Lhasa')`.execute(
      db,
    )
  }
  let pages = 0
  const call: Admin["call"] = (...args) => {
    pages++
    return admin.call(...args)
  }
  const found = await readAll<VisitAnswer>(call, "/v1/stats/raw?city=Lhasa")
  t.same(
    found.map(({ at }) => at),
    [...times].reverse(),
  )
  t.ok(pages > 2, `${pages} pages`)
  const all = await readAll<VisitAnswer>(admin.call, `/v1/stats/raw?city=Lhasa&link=${links[1].id}`)
  t.equal(all.length, 2)
})

t.test("a domain's visits are found however many links it has", async (t) => {
  const { admin, db } = await setUp(t, { count: 10_000 })
  const big = { host: "big.example", aliases: [], origin: "https://big.example" }
  const plain = { caseSensitive: true, rootUrl: null, notFoundUrl: null }
  const { workspaceId } = admin
  await db.transaction().execute((trx) => createDomain(trx, newId("dom"), { workspaceId, ...big, ...plain }))
  for (let i = 0; i < 6; i++) await seedLinks(admin, 25_000, { host: big.host })
  await sql`analyze links`.execute(db)
  t.same(await list(admin, `domain=${big.host}`), [])
  t.equal((await admin.call("GET", `/v1/stats/raw?domain=${admin.host}&limit=1`)).status, 200)
})

t.test("a workspace sees its own visits alone", async (t) => {
  const { admin, db, links } = await setUp(t, { count: 10 })
  const other = await admin.newWorkspace("q.example.com")
  t.same((await other.call<Page>("GET", "/v1/stats/raw")).body.data, [])
  expectProblem(t, await other.call("GET", `/v1/stats/raw?link=${links[0].id}`), 404, "not_found")
  expectProblem(t, await other.call("GET", "/v1/stats/raw?tag=spring"), 404, "not_found")
  expectProblem(
    t,
    await admin.as(await admin.newKey(["links:read"]))("GET", "/v1/stats/raw"),
    403,
    "missing_scope",
  )
  await sql`update links set deleted_at = now() where id = ${links[0].id}`.execute(db)
  const kept = await admin.call<Page>("GET", `/v1/stats/raw?link=${links[0].id}`)
  t.equal(kept.status, 200, "a deleted link's visits are there by its id")
})

t.test("whatever is wrong in a question is named, all at once", async (t) => {
  const { admin } = await setUp(t, { count: 300 })
  const call = (query: string) => admin.call("GET", `/v1/stats/raw?${query}`)
  const wrong = await call("from=yesterday&limit=0&platform=netscape&automated=maybe&city=a,-b&colour=red")
  t.same(faults(expectProblem(t, wrong, 422, "invalid_input")), [
    ...["/automated invalid_value", "/city mixed_filter", "/colour unknown_field", "/from invalid_format"],
    ...["/limit too_small", "/platform unknown_value"],
  ])
  const backwards = await call("from=2026-11-03T00:00:00Z&to=2026-11-02T00:00:00Z")
  t.same(faults(expectProblem(t, backwards, 422, "invalid_input")), ["/from ends_before_start"])
  const { body } = await admin.call<Page>("GET", "/v1/stats/raw?limit=1")
  const oldestFirst = Buffer.from(JSON.stringify(["at", body.data[0]?.at, body.data[0]?.id])).toString(
    "base64url",
  )
  for (const cursor of ["x", oldestFirst, Buffer.from('["-at","2026",1]').toString("base64url")]) {
    t.same(faults(expectProblem(t, await call(`cursor=${cursor}`), 422, "invalid_input")), [
      "/cursor invalid_cursor",
    ])
  }
})
