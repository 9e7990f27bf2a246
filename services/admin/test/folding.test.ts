import type pg from "pg"
import t from "tap"
import { type Random, seededRandom } from "../../../packages/core/test/support/random.ts"
import { createDatabase } from "../../test/support/database.ts"
import { waitFor } from "../../test/support/wait.ts"
import { localDay } from "../src/local-day.ts"
import { LISTS } from "../src/repositories/clicks/rollup-lists.ts"
import { closedUntil, ensurePartitions } from "../src/repositories/upkeep/partitions.ts"
import { FAMILIES, OTHER, SEPARATOR } from "../src/rollups.ts"
import { keepUp } from "../src/upkeep/upkeep.ts"
import { ask, connect, DAY_MS, HOUR_MS, RETENTION } from "./support/upkeep.ts"

const QUARTER_MS = 900_000
const YEAR_MS = Date.UTC(2026, 0, 1)

/** Of half and three quarters of an hour, and with days of 23 and 25 hours on either side of the equator. */
const ZONES = [
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "America/New_York",
  "Pacific/Auckland",
  "Asia/Shanghai",
  "UTC",
]

/** Scopes by their ids, and the time zone of each. */
async function seedScopes(client: pg.ClientBase): Promise<Map<string, string>> {
  const scopes = new Map([["lnk_unknown", "UTC"]])
  for (const [i, zone] of ZONES.entries()) {
    const values = [`ws_${i}`, `dom_${i}`, `tag_${i}`, `lnk_${i}`]
    await client.query("insert into workspaces (id, name, time_zone) values ($1, '', $2)", [values[0], zone])
    await client.query(
      "insert into domains (id, workspace_id, host, origin) values ($2, $1, $2, '')",
      values.slice(0, 2),
    )
    await client.query("insert into tags (id, workspace_id, name) values ($2, $1, '')", [
      values[0],
      values[2],
    ])
    await client.query(
      `insert into links (id, workspace_id, domain_id, code, url, redirect_status, enabled, forward_query, forward_path,
         guide_platforms, deleted_at) values ($3, $1, $2, '', '', 302, true, true, false, '{}', now())`,
      [values[0], values[1], values[3]],
    )
    for (const scopeId of values) scopes.set(scopeId, zone)
  }
  return scopes
}

type Counts = { visits: number; automated: number; clicks: number }
type QuarterRow = { scopeId: string; family: string; atMs: number; value: string } & Counts

/** Adds counts to quarters as ingest does. */
async function addQuarters(client: pg.ClientBase, rows: QuarterRow[]): Promise<void> {
  await client.query(
    `insert into quarter_rollups (scope_id, family, bucket, value, visits, automated, clicks)
     select "scopeId", family, date_bin('15 minutes', to_timestamp("atMs" / 1000), 'epoch'),
       ${LISTS}
     from json_to_recordset($1) as added
       ("scopeId" text, family text, "atMs" bigint, value text, visits int, automated int, clicks int)
     group by 1, 2, 3`,
    [JSON.stringify(rows)],
  )
}

/** Every count that was made, by what it is of: scope, family, local day and value. */
type Model = Map<string, Counts>

function record(model: Model, key: string, { visits, automated, clicks }: Counts): void {
  const counts = model.get(key) ?? { visits: 0, automated: 0, clicks: 0 }
  model.set(key, {
    visits: counts.visits + visits,
    automated: counts.automated + automated,
    clicks: counts.clicks + clicks,
  })
}

/** Counts as ingest adds them, at random quarters between two times. */
async function addRandom(
  client: pg.ClientBase,
  { random, scopes, model }: { random: Random; scopes: Map<string, string>; model: Model },
  { fromMs, toMs, count, values }: { fromMs: number; toMs: number; count: number; values: number },
): Promise<void> {
  const rows: QuarterRow[] = []
  const ids = [...scopes.keys()]
  for (let i = 0; i < count; i++) {
    const scopeId = ids[random.below(ids.length)] ?? ""
    const atMs = fromMs + random.below(toMs - fromMs)
    const visits = 1 + random.below(9)
    const counts = { visits, automated: random.below(visits), clicks: random.below(visits) }
    const value = `host-${random.below(values)}`
    rows.push({ scopeId, family: "referrer", atMs, value, ...counts })
    record(model, `${scopeId} ${localDay(atMs, scopes.get(scopeId) ?? "UTC")} ${value}`, counts)
  }
  await addQuarters(client, rows)
}

const sums = "sum(visits)::int as visits, sum(automated)::int as automated, sum(clicks)::int as clicks"

/** What days, and quarters where these are not in days, say together. */
async function totalOf(client: pg.ClientBase): Promise<Counts | undefined> {
  const [state] = await ask<{ days_until: Date }>(client, "select days_until from rollup_state")
  const [total] = await ask<Counts>(
    client,
    `select ${sums} from (
       select visits, automated, clicks from visit_days where family = 'referrer'
       union all select visits, automated, clicks from visit_quarters where bucket >= $1
     ) as counted`,
    [state?.days_until],
  )
  return total
}

async function daysOf(client: pg.ClientBase): Promise<Model> {
  const rows = await ask<Counts & { key: string }>(
    client,
    `select scope_id || ' ' || day || ' ' || value as key, ${sums} from visit_days where family = 'referrer' group by 1`,
  )
  return new Map(rows.map(({ key, ...counts }) => [key, counts]))
}

function totalOfModel(model: Model): Counts {
  const total: Model = new Map()
  for (const counts of model.values()) record(total, "", counts)
  return total.get("") ?? { visits: 0, automated: 0, clicks: 0 }
}

const sorted = (model: Model) => Object.fromEntries([...model].sort(([a], [b]) => (a < b ? -1 : 1)))

t.test("over a year of upkeep no visit is lost or counted twice, in any time zone", async (t) => {
  const { url } = await createDatabase(t)
  const client = await connect(t, url)
  const random = seededRandom(t)
  const scopes = await seedScopes(client)
  const model: Model = new Map()
  let nowMs = YEAR_MS
  while (nowMs < YEAR_MS + 366 * DAY_MS) {
    await keepUp(client, RETENTION, nowMs)
    const state = (
      await ask<{ days_until: Date; quarters_since: Date }>(client, "select * from rollup_state")
    )[0]
    t.ok(
      Number(state?.days_until) <= closedUntil(nowMs, RETENTION.horizonMs),
      "nothing is folded that may still change",
    )
    // Some as late as ever possible.
    const oldestMs = nowMs - RETENTION.horizonMs - HOUR_MS
    const toMs = random.below(2) === 0 ? nowMs : oldestMs + HOUR_MS
    await addRandom(client, { random, scopes, model }, { fromMs: oldestMs, toMs, count: 60, values: 5 })
    if (random.below(8) === 0)
      t.same(await totalOf(client), totalOfModel(model), new Date(nowMs).toISOString())
    nowMs += 2 * DAY_MS + random.below(DAY_MS)
  }
  await keepUp(client, RETENTION, nowMs + 60 * DAY_MS)
  t.same(sorted(await daysOf(client)), sorted(model), "each local day has what was counted in it")
  await keepUp(client, RETENTION, nowMs + 60 * DAY_MS)
  t.same(await ask(client, "select from quarter_rollups"), [], "old quarters are gone")
  t.same(await ask(client, "select from day_rollups"), [], "days are in months")
  t.same(sorted(await daysOf(client)), sorted(model))
})

t.test("quarters are there for as long as they are told to be, and are folded before they go", async (t) => {
  const { url } = await createDatabase(t)
  const client = await connect(t, url)
  const random = seededRandom(t)
  const scopes = await seedScopes(client)
  const model: Model = new Map()
  const firstMs = Date.UTC(2026, 4, 1)
  await ensurePartitions(client, firstMs, RETENTION.horizonMs)
  await addRandom(
    client,
    { random, scopes, model },
    { fromMs: firstMs, toMs: firstMs + DAY_MS, count: 50, values: 3 },
  )
  const quarters = async () =>
    (await ask(client, "select from quarter_rollups where bucket < $1", [new Date(firstMs + DAY_MS)])).length
  const stateAt = async (nowMs: number) => {
    await keepUp(client, RETENTION, nowMs)
    return (
      await ask<{ since: string }>(client, "select quarters_since::date::text as since from rollup_state")
    )[0]?.since
  }
  await client.query("set time zone 'UTC'")
  const dueMs = firstMs + DAY_MS + RETENTION.rollupQuartersDays * DAY_MS
  t.equal(await stateAt(dueMs - 1), "2026-05-01", "nothing older is told to be there")
  t.ok(await quarters())
  t.equal(await stateAt(dueMs), "2026-05-02", "first it is told that they go")
  t.ok(await quarters(), "who asked before still finds them")
  await keepUp(client, RETENTION, dueMs + HOUR_MS)
  t.equal(await quarters(), 0)
  t.same(sorted(await daysOf(client)), sorted(model))
})

t.test("after an outage of months nothing goes before it is folded", async (t) => {
  const { url } = await createDatabase(t)
  const client = await connect(t, url)
  const random = seededRandom(t)
  const scopes = await seedScopes(client)
  const model: Model = new Map()
  const firstMs = Date.UTC(2026, 1, 10)
  for (let day = 0; day < 6; day++) {
    const fromMs = firstMs + day * DAY_MS
    await ensurePartitions(client, fromMs, RETENTION.horizonMs)
    await addRandom(
      client,
      { random, scopes, model },
      { fromMs, toMs: fromMs + DAY_MS, count: 30, values: 3 },
    )
  }
  const laterMs = firstMs + 200 * DAY_MS
  for (let hour = 0; hour < 3; hour++) await keepUp(client, RETENTION, laterMs + hour * HOUR_MS)
  t.same(sorted(await daysOf(client)), sorted(model))
  t.same(await ask(client, "select from quarter_rollups"), [])
})

t.test("two who fold at once add each quarter once", async (t) => {
  const { url } = await createDatabase(t)
  const clients = await Promise.all(Array.from({ length: 3 }, () => connect(t, url)))
  const [client] = clients
  if (client === undefined) throw new Error("no client")
  const random = seededRandom(t)
  const scopes = await seedScopes(client)
  const model: Model = new Map()
  const firstMs = Date.UTC(2026, 10, 1)
  await ensurePartitions(client, firstMs, RETENTION.horizonMs)
  await addRandom(
    client,
    { random, scopes, model },
    { fromMs: firstMs - 3 * DAY_MS, toMs: firstMs, count: 400, values: 9 },
  )
  await Promise.all(clients.map((each) => keepUp(each, RETENTION, firstMs + 5 * DAY_MS)))
  t.same(sorted(await daysOf(client)), sorted(model))
})

t.test(
  "an upkeep that is killed in the middle of a day has done nothing of it, and the next does all",
  async (t) => {
    const { url } = await createDatabase(t)
    const [client, blocker, victim] = await Promise.all([connect(t, url), connect(t, url), connect(t, url)])
    const random = seededRandom(t)
    const scopes = await seedScopes(client)
    const model: Model = new Map()
    const firstMs = Date.UTC(2026, 10, 1)
    await ensurePartitions(client, firstMs, RETENTION.horizonMs)
    await addRandom(
      client,
      { random, scopes, model },
      { fromMs: firstMs - 2 * DAY_MS, toMs: firstMs, count: 300, values: 9 },
    )
    await blocker.query("begin")
    await blocker.query("lock table day_rollups in share mode")
    const [{ pid } = { pid: 0 }] = await ask<{ pid: number }>(victim, "select pg_backend_pid() as pid")
    const upkeep = keepUp(victim, RETENTION, firstMs + 5 * DAY_MS)
    const failed = t.rejects(upkeep)
    const isBlocked = async () =>
      (await ask(client, "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'", [pid]))
        .length > 0
    await waitFor("the upkeep to be in the middle", isBlocked)
    await client.query("select pg_terminate_backend($1)", [pid])
    await failed
    await blocker.query("rollback")
    await keepUp(client, RETENTION, firstMs + 5 * DAY_MS)
    t.same(sorted(await daysOf(client)), sorted(model))
  },
)

t.test(
  "of a local day the most visited values keep their names, the rest is one, and sums stay",
  async (t) => {
    const { url } = await createDatabase(t)
    const client = await connect(t, url)
    await seedScopes(client)
    const zone = "America/New_York"
    const scopeId = `lnk_${ZONES.indexOf(zone)}`
    const tagId = `tag_${ZONES.indexOf(zone)}`
    // The 25 hours of the day on which clocks go back, and some of the days beside it, in each family.
    const fromMs = Date.parse("2026-11-01T00:00:00-04:00")
    const toMs = Date.parse("2026-11-02T00:00:00-05:00")
    t.equal(toMs - fromMs, 25 * HOUR_MS)
    await ensurePartitions(client, toMs, RETENTION.horizonMs)
    const rows: QuarterRow[] = []
    const { total: _, ...families } = FAMILIES
    for (const family of Object.keys(families) as (keyof typeof families)[]) {
      for (let i = 0; i < 10; i++) {
        const of = { scopeId, family, value: FAMILIES[family].map(() => `v${i}`).join(SEPARATOR) }
        // The least visited in the morning are the most visited in the evening, which is a day later in UTC.
        rows.push({ ...of, atMs: fromMs, visits: 10 - i, automated: 1, clicks: 1 })
        rows.push({ ...of, atMs: toMs - QUARTER_MS, visits: 2 * i + 1, automated: 1, clicks: 0 })
        rows.push({ ...of, atMs: toMs, visits: 1, automated: 0, clicks: 0 })
      }
    }
    for (let i = 0; i < 10; i++) {
      const of = { scopeId: tagId, family: "language", value: `v${i}` }
      rows.push({ ...of, atMs: fromMs, visits: i + 1, automated: 0, clicks: 0 })
    }
    await addQuarters(client, rows)
    await client.query(
      `insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
     select $1, 'link', '2026-11-01', 'lnk_' || i, i, '0', '0' from generate_series(1, 10) i`,
      [scopeId],
    )
    const rowsOf = (day: string, of = scopeId) =>
      ask<{ family: string; value: string; visits: number; clicks: number }>(
        client,
        `select family, value, visits, clicks from visit_days where day = $1 and scope_id = $2
         order by family, visits desc, value`,
        [day, of],
      )
    const options = { ...RETENTION, rollupValuesMax: { ofLinks: 3, ofOthers: 5 } }
    // At noon UTC of the next day the first part is folded, and the second may still change.
    await keepUp(client, options, Date.UTC(2026, 10, 2) + RETENTION.horizonMs + 3 * HOUR_MS)
    t.equal(
      (await rowsOf("2026-11-01")).length,
      10 * Object.keys(families).length + 10,
      "a day that goes on keeps all",
    )
    await keepUp(client, options, Date.UTC(2026, 10, 3) + RETENTION.horizonMs + 3 * HOUR_MS)
    const folded = await rowsOf("2026-11-01")
    for (const [family, dimensions] of Object.entries(families)) {
      const ofFamily = folded.filter((row) => row.family === family)
      const word = (name: string) => dimensions.map(() => name).join(SEPARATOR)
      t.same(
        ofFamily.map(({ value, visits, clicks }) => [value, visits, clicks]),
        [
          [word(OTHER), 11 + 12 + 13 + 14 + 15 + 16 + 17, 7],
          ...[9, 8, 7].map((i) => [word(`v${i}`), 11 + i, 1]),
        ],
        family,
      )
    }
    t.same(
      folded.filter((row) => row.family === "link").map(({ value, visits }) => [value, visits]),
      [
        [OTHER, 1 + 2 + 3 + 4 + 5 + 6 + 7],
        ["lnk_10", 10],
        ["lnk_9", 9],
        ["lnk_8", 8],
      ],
    )
    t.same(
      (await rowsOf("2026-11-01", tagId)).map(({ value, visits }) => [value, visits]),
      [[OTHER, 1 + 2 + 3 + 4 + 5], ...[9, 8, 7, 6, 5].map((i) => [`v${i}`, i + 1])],
      "of a tag more are named",
    )
    t.equal(
      (await rowsOf("2026-11-02")).length,
      10 * Object.keys(families).length,
      "the next day is not over",
    )
  },
)

t.test("counts of a tag that was deleted are folded nowhere", async (t) => {
  const { url } = await createDatabase(t)
  const client = await connect(t, url)
  await ensurePartitions(client, YEAR_MS, RETENTION.horizonMs)
  const of = { family: "language", atMs: YEAR_MS, value: "de", visits: 1, automated: 0, clicks: 0 }
  await addQuarters(client, [
    { scopeId: "tag_gone", ...of },
    { scopeId: "lnk_unknown", ...of },
  ])
  await keepUp(client, RETENTION, YEAR_MS + 6 * DAY_MS)
  t.same(await ask(client, "select scope_id from visit_days"), [{ scope_id: "lnk_unknown" }])
})
