import { OUTCOMES } from "@qiao/core/decide.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import { sql } from "kysely"
import t, { type Test } from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startAdmin } from "./support/admin.ts"
import { ANDROID, drained, expectCounts, seal, send, startIngest, visit } from "./support/ingest.ts"
import { expectRecount } from "./support/recount.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

async function setUp(t: Test) {
  await server.flush()
  const admin = await startAdmin(t, { redis: server })
  const redis = redisClient(t, server.url)
  const moveTo = (timeZone: string, workspaceId = admin.workspaceId) =>
    admin.db.updateTable("workspaces").set({ timeZone }).where("id", "=", workspaceId).execute()
  const newLink = async (tags: string[] = []) => (await admin.newLink({ tags })).id
  return {
    ...{ admin, db: admin.db, redis, moveTo, newLink },
    stores: { databaseUrl: admin.databaseUrl, redisUrl: server.url },
  }
}

/** A batch that was sealed when its last visit was made. */
const sealed = (visits: ReturnType<typeof visit>[], sequence: number) =>
  seal(visits, { sequence, sealedAtMs: Math.max(...visits.map(({ atMs }) => atMs)) })

t.test("every family, scope, quarter and day is the sum of the raw visits, visitors are exact", async (t) => {
  const { admin, db, redis, stores, newLink, moveTo } = await setUp(t)
  const random = seededRandom(t)
  await moveTo("Asia/Kathmandu")
  const other = await admin.newWorkspace("second.example")
  await moveTo("America/St_Johns", other.workspaceId)
  const elsewhere = (await other.call<{ id: string }>("POST", "/v1/links", { url: "https://a.example/" }))
    .body.id
  const links = [
    await newLink(["a", "b"]),
    await newLink(["b"]),
    await newLink(),
    elsewhere,
    "lnk_gone",
  ] as const
  const places = [
    { country: "CN", region: "CN-GD", city: "Shenzhen", isp: "China Telecom" },
    { country: "", region: "", city: "", isp: "" },
  ] as const

  const batches = Array.from({ length: 80 }, (_, sequence) => {
    const lastMs = Date.now() - random.below(60 * HOUR_MS)
    const visits = Array.from({ length: random.below(40) + 1 }, () => {
      const automated = random.below(4) === 0
      const id = `v${random.below(4)}`
      const visitor = { ...ANDROID, automated, platform: random.pick(PLATFORMS), id }
      return visit(random.pick(links), {
        ...{ automated, visitor, outcome: random.pick(OUTCOMES), synthetic: random.below(6) === 0 },
        ...{ language: random.pick(["zh-CN", "en", ""]), referrer: random.pick(["", "a.example", '"b\\c']) },
        ...{ rule: random.pick(["", "{到店}", "NULL"]), variant: random.pick(["", "A, B"]) },
        ...{ atMs: lastMs - random.below(50 * MINUTE_MS), ip: `203.0.113.${random.below(3)}` },
      })
    })
    return seal(visits, { instance: `edge-${sequence % 3}`, sequence, sealedAtMs: lastMs })
  })
  for (const batch of random.shuffle([...batches, ...batches.slice(0, 30)]))
    await send(redis, batch, random.below(2))
  const placeOf = (ip: string) => (ip.endsWith("1") ? places[0] : places[1])
  startIngest(t, stores, { partitions: [0, 1], batchesMax: 9, placeOf })
  startIngest(t, stores, { partitions: [0, 1], batchesMax: 9, placeOf })
  await drained(redis, [0, 1], 60_000)
  await expectRecount(t, db)
  const { rows } = await sql<{
    of: number
  }>`select count(distinct (country, city, isp))::int as of from visits`.execute(db)
  t.equal(rows[0]?.of, 2, "places are stored")
})

t.test("a visitor is counted once a day, for each link and for the workspace, whoever ingests", async (t) => {
  const { db, redis, stores, newLink, admin } = await setUp(t)
  const links = [await newLink(), await newLink()] as const
  const people = Array.from({ length: 300 }, (_, i) => `203.0.113.${i % 100}-${i % 3}`)
  const batches = Array.from({ length: 12 }, (_, sequence) =>
    seal(
      people.map((person) => {
        const [ip = "", id = ""] = person.split("-")
        return visit(links[sequence % 2] ?? "", { ip, visitor: { ...ANDROID, id } })
      }),
      { sequence },
    ),
  )
  for (const [i, batch] of batches.entries()) await send(redis, batch, i % 4)
  for (const partitions of [
    [0, 1],
    [2, 3],
  ])
    startIngest(t, stores, { partitions, batchesMax: 1 })
  await drained(redis, [0, 1, 2, 3])
  const visitors = await db
    .selectFrom("visitDays")
    .select((eb) => ["scopeId", eb.fn.sum<number>("visits").as("visits")])
    .where("family", "=", "visitors")
    .groupBy("scopeId")
    .execute()
  const expected = [...links, admin.workspaceId].map((scopeId) => ({ scopeId, visits: 300 }))
  const byScope = (a: { scopeId: string }, b: { scopeId: string }) => (a.scopeId < b.scopeId ? -1 : 1)
  t.same(visitors.sort(byScope), expected.sort(byScope))
})

t.test("late visits land on their own day, which begins when their workspace's does", async (t) => {
  const { db, redis, stores, newLink, moveTo } = await setUp(t)
  const link = await newLink()
  const today = Date.now() - (Date.now() % (24 * HOUR_MS))
  const zones = { "Asia/Kolkata": 5 * 60 + 30, "Asia/Kathmandu": 5 * 60 + 45 }
  let sequence = 0
  for (const [zone, aheadMinutes] of Object.entries(zones)) {
    await moveTo(zone)
    // Midnight there, two days ago.
    const midnight = today - 24 * HOUR_MS - aheadMinutes * MINUTE_MS
    const visits = [midnight - 1, midnight].map((atMs) => visit(link, { atMs }))
    await sql`truncate visits, day_rollups, quarter_rollups, link_totals, visitor_keys`.execute(db)
    await send(redis, sealed(visits, sequence++))
    const { stop } = startIngest(t, stores)
    await drained(redis)
    await stop()
    await expectRecount(t, db)
    const { rows } = await sql<{ day: string }>`
      select distinct day::text from visit_days where scope_id = ${link} and family = 'visitors' order by day`.execute(
      db,
    )
    const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
    t.same(
      rows.map(({ day }) => day),
      [dayOf(today - 48 * HOUR_MS), dayOf(today - 24 * HOUR_MS)],
      zone,
    )
  }
})

t.test("nobody can be followed from day to day, or from one workspace to another", async (t) => {
  const { admin, db, redis, stores, newLink } = await setUp(t)
  const other = await admin.newWorkspace("second.example")
  const elsewhere = (await other.call<{ id: string }>("POST", "/v1/links", { url: "https://a.example/" }))
    .body.id
  const links = [await newLink(), await newLink(), elsewhere]
  const times = [0, 24, 48].map((hours) => Date.now() - hours * HOUR_MS)
  for (const [sequence, atMs] of times.entries())
    await send(
      redis,
      sealed(
        links.map((link) => visit(link, { atMs })),
        sequence,
      ),
    )
  startIngest(t, stores)
  await drained(redis)
  const { rows } = await sql<{ hashes: number; salts: number; links: number }>`
    select count(distinct visitor)::int as hashes, (select count(distinct salt)::int from visitor_salts) as salts,
      count(distinct (visitor, link_id))::int as links from visits`.execute(db)
  t.same(
    rows,
    [{ hashes: 6, salts: 6, links: 9 }],
    "one for each workspace and day, the same for links of one",
  )
})

t.test("no address of a visitor is anywhere in Postgres", async (t) => {
  const { db, redis, stores, newLink } = await setUp(t)
  const link = await newLink(["a"])
  const visits = ["guide", "redirect"].map((outcome) =>
    visit(link, { ip: "198.51.100.177", outcome: outcome as "guide", guideToken: "abcDEF-_123" }),
  )
  await send(redis, seal(visits, {}, [["links.example", "/x"]]))
  await send(redis, seal([visit(link, { ip: "198.51.100.177", referrer: "a\u0000" })], { sequence: 2 }))
  startIngest(t, stores)
  await drained(redis)
  await expectCounts(t, db, { visits: 2 })
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE'`.execute(db)
  t.ok(tables.length > 20)
  for (const { name } of tables) {
    const found = await sql`select 1 from ${sql.table(name)} as t where t::text like '%198.51.100%'`.execute(
      db,
    )
    t.equal(found.rows.length, 0, name)
  }
})

t.test(
  "visits from before their link's clicks were erased are stored nowhere, and count as stored",
  async (t) => {
    const { db, redis, stores, newLink } = await setUp(t)
    const link = await newLink()
    const erasedAt = new Date(Date.now() - MINUTE_MS)
    await db.updateTable("links").set({ clicksErasedAt: erasedAt }).where("id", "=", link).execute()
    const at = (ms: number) => visit(link, { atMs: erasedAt.getTime() + ms })
    await send(redis, seal([at(-2), at(-1), at(0), at(1)]))
    const { metrics } = startIngest(t, stores)
    await drained(redis)
    await expectCounts(t, db, { visits: 2 }, link)
    await expectRecount(t, db)
    t.equal(metrics.visits, 4)
    const instance = await db.selectFrom("edgeInstances").select("stored").executeTakeFirst()
    t.equal(instance?.stored, 4)
  },
)

t.test(
  "guide pages shown and come back from are counted by the day of showing, whoever ingests",
  async (t) => {
    const { admin, db, redis, stores, newLink, moveTo } = await setUp(t)
    const random = seededRandom(t)
    await moveTo("Asia/Kolkata")
    const link = await newLink(["a"])
    const tokens = Array.from({ length: 60 }, (_, i) => `token-${String(i).padStart(5, "0")}`)
    const visits = tokens.flatMap((guideToken, i) => {
      const shownMs = Date.now() - 30 * HOUR_MS + i * 30 * MINUTE_MS
      const shown = visit(link, { outcome: "guide", guideToken, atMs: shownMs })
      const again = { ...shown, atMs: shownMs + 20 * MINUTE_MS }
      const returned = visit(link, { guideToken, atMs: shownMs + 10 * MINUTE_MS })
      return [
        shown,
        ...(i % 3 === 0 ? [again] : []),
        ...(i % 2 === 0 ? [returned] : []),
        ...(i % 4 === 0 ? [returned] : []),
      ]
    })
    for (const [sequence, each] of random.shuffle(visits).entries())
      await send(redis, sealed([each], sequence), sequence % 2)
    startIngest(t, stores, { partitions: [0], batchesMax: 3 })
    startIngest(t, stores, { partitions: [1], batchesMax: 3 })
    await drained(redis, [0, 1])
    const { rows: expected } = await sql`
    select scope_id, (shown_at at time zone 'Asia/Kolkata')::date::text as day, v.value, sum(v.count)::int as visits
    from guide_tokens, lateral (values ('shown', 1), ('returned', (returned_at is not null)::int)) as v (value, count),
      unnest(array[${link}, ${admin.workspaceId}] || array(select domain_id from links) || array(select id from tags)) as scope_id
    where v.count > 0 group by 1, 2, 3 order by 1, 2, 3`.execute(db)
    const { rows: counted } = await sql`
    select scope_id, day::text, value, sum(visits)::int as visits from visit_days where family = 'guide'
    group by 1, 2, 3 having sum(visits) <> 0 order by 1, 2, 3`.execute(db)
    t.ok(expected.length >= 2 * 4 * 2)
    t.same(counted, expected)
  },
)
