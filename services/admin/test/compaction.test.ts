import type pg from "pg"
import t from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { createDatabase } from "../../test/support/database.ts"
import { add, type Tally, valuesOf } from "../src/ingest/tally.ts"
import { addDays, addQuarters } from "../src/repositories/clicks/rollups.ts"
import { compactRollups } from "../src/repositories/upkeep/compaction.ts"
import { ensurePartitions } from "../src/repositories/upkeep/partitions.ts"
import { ask, connect, DAY_MS, HOUR_MS, RETENTION } from "./support/upkeep.ts"

const NOW_MS = Date.UTC(2026, 5, 15, 10, 30)
const QUARTER = "2026-06-15T10:15:00.000Z"
const DAY = "2026-06-15"

/** As COPY and lists have to write with care. */
const VALUES = ["", "a\tb", 'say "hi"', "back\\slash", "{a,b}", "NULL", "两行", "plain"] as const

type Model = Map<string, [visits: number, automated: number, clicks: number]>

const sums = `sum(visits)::int as visits, sum(automated)::int as automated, sum(clicks)::int as clicks`

async function countsIn(client: pg.ClientBase, view: string, period: string): Promise<Model> {
  const rows = await ask<{ key: string; visits: number; automated: number; clicks: number }>(
    client,
    `select concat_ws('|', scope_id, family, ${period}, value) as key, ${sums} from ${view} group by 1`,
  )
  return new Map(rows.map(({ key, visits, automated, clicks }) => [key, [visits, automated, clicks]]))
}

const rowsIn = async (client: pg.ClientBase, table: string) =>
  Number((await ask<{ n: string }>(client, `select count(*) as n from ${table}`))[0]?.n)

const sorted = (model: Model) => Object.fromEntries([...model].sort(([a], [b]) => (a < b ? -1 : 1)))

t.test(
  "rows that are added to a period become one, with what was counted, whoever adds meanwhile",
  async (t) => {
    const { url } = await createDatabase(t)
    const clients = await Promise.all([connect(t, url), connect(t, url), connect(t, url), connect(t, url)])
    const [client, compacting, ...adding] = clients
    if (client === undefined || compacting === undefined) throw new Error("no client")
    await client.query("set time zone 'UTC'")
    await ensurePartitions(client, NOW_MS, RETENTION.horizonMs)
    const random = seededRandom(t)
    const model: Model = new Map()
    const addSome = async (client: pg.ClientBase) => {
      const [quarters, days]: [Tally, Tally] = [new Map(), new Map()]
      for (let i = 0; i < 20; i++) {
        const [scopeId, value, visits] = [`lnk_${random.below(5)}`, random.pick(VALUES), 1 + random.below(9)]
        const counts = { visits, automated: random.below(visits), clicks: random.below(visits) }
        add(valuesOf(quarters, scopeId, "referrer", QUARTER), value, counts)
        add(valuesOf(days, scopeId, "link", DAY), value, counts)
        const key = `${scopeId}|${value}`
        const known = model.get(key) ?? [0, 0, 0]
        model.set(key, [known[0] + visits, known[1] + counts.automated, known[2] + counts.clicks])
      }
      await addQuarters(client, quarters)
      await addDays(client, days)
    }
    const keyed = (family: string, period: string) =>
      sorted(
        new Map(
          [...model].map(([key, counts]) => {
            const [scopeId = "", value = ""] = key.split("|")
            return [`${scopeId}|${family}|${period}|${value}`, counts]
          }),
        ),
      )
    const expectAll = async () => {
      t.same(
        sorted(await countsIn(client, "visit_quarters", "bucket")),
        keyed("referrer", "2026-06-15 10:15:00+00"),
      )
      t.same(sorted(await countsIn(client, "visit_days", "day")), keyed("link", DAY))
    }

    for (let round = 0; round < 5; round++) {
      await Promise.all([
        ...adding.map(async (each) => {
          for (let i = 0; i < 10; i++) await addSome(each)
        }),
        compactRollups(compacting, NOW_MS),
        compactRollups(client, NOW_MS),
      ])
      await expectAll()
    }
    await addSome(client)
    await compactRollups(client, NOW_MS)
    await expectAll()
    for (const table of ["quarter_rollups", "day_rollups"])
      t.ok((await rowsIn(client, table)) < 5 * 8, `${table} has few rows left`)
  },
)

t.test("what is few, or long ago, stays as it was added", async (t) => {
  const client = await connect(t, (await createDatabase(t)).url)
  await ensurePartitions(client, NOW_MS, RETENTION.horizonMs)
  const rows = async (count: number, bucketMs: number) => {
    const bucket = new Date(bucketMs).toISOString()
    for (let i = 0; i < count; i++) {
      const tally: Tally = new Map()
      add(valuesOf(tally, "ws_1", "language", bucket), "de", { visits: 1, automated: 0, clicks: 1 })
      await addQuarters(client, tally)
    }
  }
  await rows(7, NOW_MS - 15 * 60_000)
  await rows(8, NOW_MS - 2 * HOUR_MS)
  await rows(8, NOW_MS - DAY_MS)
  await compactRollups(client, NOW_MS)
  t.equal(await rowsIn(client, "quarter_rollups"), 23)
  await rows(1, NOW_MS - 15 * 60_000)
  await compactRollups(client, NOW_MS)
  t.equal(await rowsIn(client, "quarter_rollups"), 1 + 16)
})
