import type pg from "pg"
import t from "tap"
import { createDatabase } from "../../test/support/database.ts"
import { waitFor } from "../../test/support/wait.ts"
import { parseConfig } from "../src/config.ts"
import { dayOf } from "../src/days.ts"
import { openBatch } from "../src/ingest/sealed-batch.ts"
import { createTurns } from "../src/ingest/turns.ts"
import { storeBatches } from "../src/repositories/clicks/visits.ts"
import { ensurePartitions, firstOpenDay, partitionDays } from "../src/repositories/upkeep/partitions.ts"
import { keepUp } from "../src/upkeep/upkeep.ts"
import { seal, visit } from "./support/ingest.ts"
import { ask, connect, DAY_MS, HOUR_MS, RETENTION, startUpkeep } from "./support/upkeep.ts"

const NOW_MS = Date.UTC(2026, 5, 15, 10, 30)
const NOWHERE = { country: "", region: "", city: "", isp: "" }

const count = async (client: pg.ClientBase, from: string) =>
  Number((await ask(client, `select count(*) as n from ${from}`))[0]?.n)

t.test(
  "partitions are there from the oldest that may arrive to days ahead, and none that nobody needs",
  async (t) => {
    const client = await connect(t, (await createDatabase(t)).url)
    await ensurePartitions(client, NOW_MS - 60 * DAY_MS, RETENTION.horizonMs)
    await keepUp(client, RETENTION, NOW_MS)
    const first = firstOpenDay(NOW_MS, RETENTION.horizonMs)
    t.equal(first, "2026-06-11", "72 hours, the two that visits may be late, and a day for other time zones")
    const last = dayOf(NOW_MS + 3 * DAY_MS)
    for (const table of ["click_batches", "visitor_keys"] as const) {
      const days = await partitionDays(client, table)
      t.same([days.at(0), days.at(-1), days.length], [first, last, 8], table)
    }
    t.equal((await partitionDays(client, "visits")).at(-1), last)
    await keepUp(client, RETENTION, NOW_MS + 12 * HOUR_MS)
    t.equal((await partitionDays(client, "visits")).at(-1), last, "nothing is made twice")
  },
)

t.test("the latest visit that may arrive is counted once, before its day is folded and after", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  const { horizonMs } = RETENTION
  let arrivals = 0
  for (let nowMs = NOW_MS; nowMs < NOW_MS + 3 * DAY_MS; nowMs += 5 * HOUR_MS) {
    await keepUp(client, RETENTION, nowMs)
    const sealedAtMs = nowMs - horizonMs
    const batch = openBatch(
      seal([visit("lnk_late", { atMs: sealedAtMs - 2 * HOUR_MS })], { sealedAtMs, sequence: arrivals }),
    )
    const stored = await storeBatches(client, [batch], {
      nowMs,
      horizonMs,
      placeOf: () => NOWHERE,
      counting: createTurns(1),
      listeners: [],
    })
    t.equal(stored.visits, 1)
    arrivals++
    const counted = await ask(
      client,
      `select (select coalesce(sum(visits), 0) from visit_days where family = 'language')
         + (select coalesce(sum(visits), 0) from visit_quarters, rollup_state where family = 'language' and bucket >= days_until)
         as visits`,
    )
    t.equal(Number(counted[0]?.visits), arrivals, new Date(nowMs).toISOString())
  }
  t.ok(await count(client, "visit_days where family = 'language'"), "some were folded meanwhile")
})

t.test("single visits go by their day, none before its time and none a day after it", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  const options = { ...RETENTION, clickRetentionDays: 10 }
  const firstMs = NOW_MS - 30 * DAY_MS
  for (let ms = firstMs; ms <= NOW_MS; ms += DAY_MS) await ensurePartitions(client, ms, RETENTION.horizonMs)
  await client.query(
    `insert into visits (at, link_id, outcome, automated, platform, os, device, browser, language, referrer)
     select at, 'lnk_x', 'redirect', false, '', '', '', '', '', '' from generate_series($1::timestamptz, $2, '1 hour') at`,
    [new Date(firstMs), new Date(NOW_MS)],
  )
  for (const nowMs of [NOW_MS, NOW_MS + 13 * HOUR_MS, NOW_MS + 14 * HOUR_MS]) {
    await keepUp(client, options, nowMs)
    const [kept] = await ask<{ oldest: Date; n: string }>(
      client,
      "select min(at) as oldest, count(*) as n from visits",
    )
    const keptSinceMs = Date.parse(dayOf(nowMs - 10 * DAY_MS))
    const expected = Math.floor((NOW_MS - keptSinceMs) / HOUR_MS) + 1
    t.equal(Number(kept?.n), expected, `${expected} visits since ${new Date(keptSinceMs).toISOString()}`)
    t.ok(nowMs - Number(kept?.oldest) <= 11 * DAY_MS)
  }
  await keepUp(client, { ...RETENTION, clickRetentionDays: 1 }, NOW_MS)
  const late = await ask(client, "select min(at) as oldest from visits")
  t.equal(dayOf(Number(late[0]?.oldest)), "2026-06-11", "what may still arrive has a place in any case")
})

t.test("what tells visitors apart goes with the last visit that may arrive", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  await ensurePartitions(client, NOW_MS - 2 * DAY_MS, RETENTION.horizonMs)
  await ensurePartitions(client, NOW_MS, RETENTION.horizonMs)
  const days = await partitionDays(client, "visitor_keys")
  await client.query("insert into visitor_keys select unnest($1::date[]), 1", [days])
  await client.query("insert into visitor_salts select 'ws_1', unnest($1::date[]), '\\x00'", [days])
  await keepUp(client, RETENTION, NOW_MS)
  const left = days.filter((day) => day >= "2026-06-11")
  t.ok(left.length < days.length)
  for (const table of ["visitor_keys", "visitor_salts"]) {
    const rows = await ask<{ day: string }>(client, `select day::text from ${table} order by day`)
    t.same(
      rows.map(({ day }) => day),
      left,
      table,
    )
  }
})

t.test("guide tokens, unknown codes, edges and erasures are kept for as long as is told", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  const ages = [13, 15, 89, 92, 364, 366].map((days) => new Date(NOW_MS - days * DAY_MS))
  const names = ["13", "15", "89", "92", "364", "366"]
  await client.query(
    "insert into guide_tokens select 'lnk_' || n, n, a, null from unnest($1::text[], $2::timestamptz[]) x (n, a)",
    [names, ages],
  )
  await client.query(
    "insert into guide_tokens select 'lnk_returned_' || n, n, null, a from unnest($1::text[], $2::timestamptz[]) x (n, a)",
    [names, ages],
  )
  await client.query(
    "insert into orphan_visits select 'ws_1', a::date, n, '', 1, a from unnest($1::text[], $2::timestamptz[]) x (n, a)",
    [names, ages],
  )
  await client.query(
    "insert into edge_instances (instance, accepted, spilled, dropped, last_at) select n, 0, 0, 0, a from unnest($1::text[], $2::timestamptz[]) x (n, a)",
    [names, ages],
  )
  await client.query(
    "insert into erasures select n, 'link', n, 'ws_1', 'key_1', a, a from unnest($1::text[], $2::timestamptz[]) x (n, a)",
    [names, ages],
  )
  await client.query("insert into erasures select 'due', 'link', 'x', 'ws_1', 'key_1', $1", [ages[5]])
  await client.query(
    "insert into erased_links select n, a from unnest($1::text[], $2::timestamptz[]) x (n, a)",
    [
      ["late", "gone"],
      [new Date(NOW_MS - 73 * HOUR_MS), new Date(NOW_MS - 75 * HOUR_MS)],
    ],
  )
  await keepUp(client, RETENTION, NOW_MS)
  const kept = async (column: string, table: string) =>
    (
      await ask<{ name: string }>(
        client,
        `select ${column} as name from ${table} order by length(${column}), ${column}`,
      )
    ).map(({ name }) => name)
  t.same(await kept("link_id", "guide_tokens"), ["lnk_13", "lnk_returned_13"], "14 days")
  t.same(await kept("host", "orphan_visits"), ["13", "15", "89"], "90 days")
  t.same(await kept("instance", "edge_instances"), ["13", "15", "89"], "as long as visits")
  t.same(
    await kept("id", "erasures"),
    ["13", "15", "89", "92", "364", "due"],
    "a year, and until they are done",
  )
  t.same(await kept("link_id", "erased_links"), ["late"], "until nothing can arrive")
})

t.test("of a host's day the thousand most visited unknown paths are told apart", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  await client.query(
    `insert into orphan_visits select 'ws_1', '2026-06-14', host, '/' || i, i, '2026-06-14Z'::timestamptz + i * interval '1 second'
     from generate_series(1, 1200) i, unnest(array['many.example', 'more.example']) host`,
  )
  await client.query(
    "insert into orphan_visits values ('ws_1', '2026-06-14', 'many.example', '', 5, '2026-06-14Z')",
  )
  await client.query(
    "insert into orphan_visits values ('ws_1', '2026-06-14', 'few.example', '/x', 1, '2026-06-14Z')",
  )
  const total = "(select sum(visits) as visits from orphan_visits) x"
  const before = await ask(client, `select * from ${total}`)
  for (let i = 0; i < 2; i++) await keepUp(client, RETENTION, NOW_MS)
  t.same(await ask(client, `select * from ${total}`), before, "each is counted")
  t.same(
    await ask(
      client,
      `select host, count(*)::int as paths, min(visits) filter (where path <> '')::int as least,
         sum(visits) filter (where path = '')::int as others
       from orphan_visits group by host order by host`,
    ),
    [
      { host: "few.example", paths: 1, least: 1, others: null },
      { host: "many.example", paths: 1_001, least: 201, others: 20_105 },
      { host: "more.example", paths: 1_001, least: 201, others: 20_100 },
    ],
  )
})

t.test("quarters cannot be dropped while visits may arrive", async (t) => {
  const env = { DATABASE_URL: "postgres://127.0.0.1/x", REDIS_URL: "redis://127.0.0.1" }
  t.throws(() => parseConfig({ ...env, ROLLUP_QUARTERS_DAYS: "3", SPILL_MAX_AGE_HOURS: "72" }), {
    message: /ROLLUP_QUARTERS_DAYS: must be longer than SPILL_MAX_AGE_HOURS/,
  })
  t.equal(parseConfig({ ...env, ROLLUP_QUARTERS_DAYS: "4" }).ROLLUP_QUARTERS_DAYS, 4)
})

t.test("what one task cannot do keeps no other from being done", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  await client.query("alter table visitor_salts rename to elsewhere")
  await client.query("insert into guide_tokens values ('lnk_1', 'old', '2020-01-01Z', null)")
  await t.rejects(keepUp(client, RETENTION, NOW_MS), { errors: [/visitor_salts/] })
  t.equal(await count(client, "guide_tokens"), 0)
  await client.query("alter table elsewhere rename to visitor_salts")
  await keepUp(client, RETENTION, NOW_MS)
})

t.test("of several ingests one does the upkeep, and another when it stops", async (t) => {
  const { url } = await createDatabase(t)
  const client = await connect(t, url)
  const upkeeps = [startUpkeep(t, url), startUpkeep(t, url)]
  const done = () => upkeeps.filter(({ metrics }) => metrics.upkeeps > 0)
  await waitFor("one to do the upkeep", () => done().length === 1)
  t.ok((await partitionDays(client, "visits")).includes(dayOf(Date.now())))
  const locks =
    "pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())"
  t.equal(await count(client, locks), 1, "one owns it")
  await done()[0]?.stop()
  await waitFor("the other to do it", () => done().length === 2)
  t.same(
    upkeeps.map(({ metrics }) => metrics.upkeepFailures),
    [0, 0],
  )
})

t.test("an ingest that stops does not wait for what its upkeep is doing", async (t) => {
  const { url } = await createDatabase(t)
  const [client, blocker] = await Promise.all([connect(t, url), connect(t, url)])
  await client.query("insert into erasures values ('era_1', 'tag', 'tag_1', 'ws_1', 'key_1')")
  await blocker.query("begin")
  await blocker.query("lock table day_rollups in share mode")
  const upkeep = startUpkeep(t, url)
  const waiting = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  await waitFor("it to be in the middle", async () => (await count(client, waiting)) === 1)
  await upkeep.stop()
  await blocker.query("rollback")
  t.equal(await count(client, "erasures where finished_at is null"), 1, "the next does it again")
  const next = startUpkeep(t, url)
  await waitFor("the next to do it", () => next.metrics.erasures === 1)
})
