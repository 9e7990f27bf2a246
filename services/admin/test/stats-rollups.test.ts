import type { Link } from "@qiao/core/link.ts"
import { sql } from "kysely"
import t, { type Test } from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { waitFor } from "../../test/support/wait.ts"
import { LISTS } from "../src/repositories/clicks/rollup-lists.ts"
import { foldMonths } from "../src/repositories/upkeep/months.ts"
import { FAMILIES } from "../src/rollups.ts"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { fold, makeRoom, PLAIN, type StoredVisit, storeVisits, unfold } from "./support/stats.ts"
import { ask, connect } from "./support/upkeep.ts"

type Counts = { visits: number; automated: number; clicks: number }
type Row = Counts & { start: string; value?: string }
type Period = { source: string; from: string; to: string; totals: Counts; data: Row[] }
type Question = Record<string, string> & { from: string; to: string }
type Visits = Period & { previous: Period | null }

const random = seededRandom(t)
const DAY_MS = 86_400_000
/** The clocks go forward in New York and London, and back in Lord Howe, within these days. */
const FIRST = Date.parse("2026-03-05T00:00:00Z")
const DAYS = 40
const ZONES = ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/London", "UTC"] as const
const HOME = "America/New_York"
const GROUPS: [readonly [string, ...string[]], ...(readonly [string, ...string[]])[]] = [
  FAMILIES.client,
  FAMILIES.place,
  FAMILIES.language,
  FAMILIES.referrer,
  FAMILIES.decision,
]

const admin = await startAdmin(t, { env: { CLICK_RETENTION_DAYS: "36500" } })
const { call, db, workspaceId } = admin
await db.updateTable("workspaces").set({ timeZone: HOME }).where("id", "=", workspaceId).execute()
await makeRoom(db)
const links: [Link, Link, Link] = [
  await admin.newLink({ tags: ["spring"] }),
  await admin.newLink({ tags: ["spring", "sale"] }),
  await admin.newLink(),
]
const visits: [StoredVisit, ...StoredVisit[]] = [randomVisit(), ...Array.from({ length: 1_499 }, randomVisit)]
await storeVisits(db, visits)

t.test("counts answer as single visits do", async (t) => {
  await unfold(db)
  for (let i = 0; i < 80; i++) await expectSame(t, randomQuestion())
})

t.test("and as what was stored says", async (t) => {
  for (let i = 0; i < 40; i++) await expectTrue(t, randomQuestion())
})

t.test("folded days and the quarters that are left answer as quarters alone did", async (t) => {
  await unfold(db)
  const questions = Array.from({ length: 60 }, randomQuestion)
  const before = []
  for (const question of questions) before.push((await read(question)).body)
  const daysUntil = "2026-03-28T00:00:00Z"
  await fold(db, { workspaceId, daysUntil, quartersSince: BEFORE_ALL })
  for (const [i, question] of questions.entries()) {
    t.same((await read(question)).body, before[i], JSON.stringify(question))
  }
  await storeVisits(db, [])
  await unfold(db)
  await fold(db, { workspaceId, daysUntil, quartersSince: "2026-03-20T04:00:00Z" })
  for (const [i, question] of questions.entries()) {
    const { body } = await read(question)
    t.same(countsOf(body), countsOf(before[i]), JSON.stringify(question))
  }
})

t.test("a month that is over answers as its days did, also with what is counted later", async (t) => {
  await storeVisits(db, [])
  await unfold(db)
  await fold(db, { workspaceId, daysUntil: "2026-04-16T00:00:00Z", quartersSince: BEFORE_ALL })
  const client = await connect(t, admin.databaseUrl)
  const march = { from: "2026-03-01T05:00:00Z", to: "2026-04-01T04:00:00Z", groupBy: "os" }
  const [byWeek, byMonth] = [
    { ...march, interval: "week" },
    { ...march, interval: "month" },
  ]
  const questions = [byWeek, byMonth, ...Array.from({ length: 60 }, randomQuestion)]
  const before: Visits[] = []
  for (const question of questions) before.push((await read(question)).body)
  const foldMarch = () => foldMonths(client, Date.parse("2026-04-18T00:00:00Z"))
  const rowsIn = async (table: string, where: string) =>
    (await ask(client, `select from ${table} where ${where} and scope_id = $1`, [workspaceId])).length
  await foldMarch()
  t.equal(await rowsIn("day_rollups", "day < '2026-04-01'"), 0)
  t.ok(await rowsIn("day_rollups", "day >= '2026-04-01'"), "a month that may still change stays as it is")
  const months = await rowsIn("month_rollups", "month = '2026-03-01'")
  t.ok(months)
  for (const [i, question] of questions.entries()) {
    t.same((await read(question)).body, before[i], JSON.stringify(question))
  }
  await client.query(
    `insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
     select scope_id, family, day, ${LISTS} from visit_days where day < '2026-04-01' group by 1, 2, 3`,
  )
  const twice = (rows: Row[] | undefined) =>
    rows?.map(({ visits, automated, clicks, ...row }) => {
      return { ...row, visits: 2 * visits, automated: 2 * automated, clicks: 2 * clicks }
    })
  const expectTwice = async (state: string) => {
    for (const [i, question] of [byWeek, byMonth].entries())
      t.same((await read(question)).body.data, twice(before[i]?.data), state)
  }
  await expectTwice("beside the month")
  await foldMarch()
  await expectTwice("in it")
  t.equal(await rowsIn("month_rollups", "month = '2026-03-01'"), months, "it stays one row")
  await client.query("delete from month_rollups")
})

t.test("an answer while days are folded is of one moment: nothing is missing or doubled", async (t) => {
  await storeVisits(db, [])
  await unfold(db)
  const question = { from: "2026-03-06T05:00:00Z", to: "2026-04-12T04:00:00Z", groupBy: "os" }
  const { totals } = (await read(question)).body
  await fold(db, { workspaceId, daysUntil: "2026-03-20T00:00:00Z", quartersSince: BEFORE_ALL })
  const asking = await db.transaction().execute(async (trx) => {
    await fold(trx, { workspaceId, daysUntil: "2026-03-28T00:00:00Z", quartersSince: BEFORE_ALL })
    // Whoever asks now knows how far days go, and has to wait for the quarters until folding is done.
    await sql`lock table quarter_rollups in access exclusive mode`.execute(trx)
    const asking = read(question)
    await waitFor("the question to wait", async () => {
      const { rows } =
        await sql`select from pg_locks where not granted and relation = 'quarter_rollups'::regclass`.execute(
          db,
        )
      return rows.length > 0
    })
    return { answer: asking }
  })
  t.same((await asking.answer).body.totals, totals)
  t.same((await read(question)).body.totals, totals)
})

t.test(
  "where only days are left, whole days of the workspace are answered and nothing else is made up",
  async (t) => {
    await storeVisits(db, [])
    await unfold(db)
    const week = { from: "2026-03-06T05:00:00Z", to: "2026-03-13T04:00:00Z" }
    const wanted = await read({ ...week, groupBy: "os" })
    await fold(db, { workspaceId, daysUntil: "2026-03-28T00:00:00Z", quartersSince: "2026-03-20T00:00:00Z" })
    // Without single visits, so that they answer nothing in their place.
    await db.deleteFrom("visits").execute()
    t.same((await read({ ...week, groupBy: "os" })).body, wanted.body)
    t.equal(wanted.body.source, "rollups")
    const refused: [question: Question, expected: string[]][] = [
      [{ ...week, interval: "hour" }, ["/interval whole_days_only"]],
      [
        { ...week, timezone: "Asia/Kolkata" },
        ["/from whole_days_only", "/timezone whole_days_only", "/to whole_days_only"],
      ],
      [{ ...week, from: "2026-03-06T06:00:00Z" }, ["/from whole_days_only"]],
      [{ ...week, to: "2026-03-12T20:00:00Z" }, ["/to whole_days_only"]],
      [
        { from: "2026-03-21T04:00:00Z", to: "2026-03-28T04:00:00Z", interval: "hour", compare: "previous" },
        ["/compare whole_days_only"],
      ],
    ]
    const strict = await startAdmin(t, {
      databaseUrl: admin.databaseUrl,
      redis: admin.redis,
      env: { CLICK_RETENTION_DAYS: "1" },
    })
    const key = await admin.newKey(["stats:read"])
    for (const [question, expected] of refused) {
      const answer = await strict.as(key)("GET", `/v1/stats/visits?${new URLSearchParams(question)}`)
      const isGone = (fault: string) => fault.endsWith(" visits_gone")
      const told = faults(expectProblem(t, answer, 422, "not_answerable"))
      t.same(told.filter((fault) => !isGone(fault)).sort(), expected.sort(), JSON.stringify(question))
      t.ok(told.some(isGone) || "compare" in question)
    }
  },
)

t.test("values that lost their name in a day are one, and the sums stay", async (t) => {
  await storeVisits(db, visits)
  await unfold(db)
  const range = { from: "2026-03-06T05:00:00Z", to: "2026-03-26T04:00:00Z", interval: "month" }
  const before = (await read({ ...range, groupBy: "referrer", limit: "50" })).body
  await fold(db, { workspaceId, daysUntil: "2026-03-28T00:00:00Z", quartersSince: BEFORE_ALL, valuesMax: 2 })
  const after = (await read({ ...range, groupBy: "referrer", limit: "50" })).body
  t.same(after.totals, before.totals)
  t.equal(after.data.at(-1)?.value, "(other)")
  t.ok((after.data.at(-1)?.visits ?? 0) > 0)
  await storeVisits(db, [])
  await unfold(db)
})

const BEFORE_ALL = "2026-01-01T00:00:00Z"

/** A filter that all visits pass, of what no counts are kept, has the same answered from single visits. */
async function expectSame(t: Test, question: Question) {
  const counted = await read(question)
  const single = await read({ ...question, city: "-nowhere" })
  t.match(counted, { status: 200, body: { source: "rollups" } }, JSON.stringify(question))
  t.match(single.body, { source: "visits" })
  t.same(countsOf(counted.body), countsOf(single.body), JSON.stringify(question))
}

/** Without the sources they are from. */
function countsOf(answer: Visits | undefined) {
  return { ...answer, source: "", previous: answer?.previous && { ...answer.previous, source: "" } }
}

/** Each row against the visits themselves, told apart by what their local clock showed. */
async function expectTrue(t: Test, question: Question) {
  const { body } = await read({ ...question, limit: "10" })
  const { timezone = HOME, interval = "day", groupBy } = question
  const clock = clockOf(timezone, interval)
  const wanted = new Map<string, Counts>()
  const totals = { visits: 0, automated: 0, clicks: 0 }
  for (const visit of visits) {
    if (!isAsked(visit, question, body)) continue
    const key = `${clock(visit.at)} ${groupBy === undefined ? "" : wordOf(visit, groupBy)}`
    const counts = wanted.get(key) ?? { visits: 0, automated: 0, clicks: 0 }
    wanted.set(key, counts)
    for (const sum of [counts, totals]) {
      sum.visits++
      if (visit.automated) sum.automated++
      else if (visit.outcome === "redirect") sum.clicks++
    }
  }
  t.same(body.totals, totals, JSON.stringify(question))
  const told = body.data
    .filter((row) => row.visits > 0)
    .map(({ start, value = "", ...counts }) => [`${clock(start)} ${value}`, counts] as const)
  t.same(Object.fromEntries(told), Object.fromEntries(wanted), JSON.stringify(question))
}

function isAsked(visit: StoredVisit, question: Question, { from, to }: Period): boolean {
  const link = links.find(({ id }) => id === visit.linkId)
  if (visit.at < from || visit.at >= to) return false
  if (visit.synthetic !== (question.synthetic === "true")) return false
  if (question.link !== undefined && question.link !== visit.linkId) return false
  if (question.tag !== undefined && !link?.tags.includes(question.tag)) return false
  return Object.keys(PLAIN).every((name) => {
    const filter = question[name === "outcome" ? "decision" : name]
    if (name === "synthetic" || filter === undefined) return true
    const isNegated = filter.startsWith("-")
    const values = (isNegated ? filter.slice(1) : filter).split(isNegated ? ",-" : ",")
    return values.includes(wordOf(visit, name)) !== isNegated
  })
}

function wordOf(visit: StoredVisit, dimension: string): string {
  return String(visit[(dimension === "decision" ? "outcome" : dimension) as keyof StoredVisit])
}

/** What tells an interval from the others, by a clock and calendar of its zone. */
function clockOf(timeZone: string, interval: string): (at: string) => string {
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" })
  const hour = new Intl.DateTimeFormat("sv-SE", { timeZone, hour: "2-digit", timeZoneName: "longOffset" })
  return (at) => {
    const date = new Date(at)
    switch (interval) {
      case "quarter":
        return String(Math.floor(date.getTime() / 900_000))
      case "hour":
        return `${day.format(date)} ${hour.format(date)}`
      case "week": {
        const ms = Date.parse(day.format(date))
        return new Date(ms - ((new Date(ms).getUTCDay() + 6) % 7) * DAY_MS).toISOString()
      }
      case "month":
        return day.format(date).slice(0, 7)
      default:
        return day.format(date)
    }
  }
}

function randomVisit(): StoredVisit {
  const automated = random.next() < 0.2
  return {
    ...PLAIN,
    at: new Date(FIRST + Math.floor(random.next() * DAYS * DAY_MS)).toISOString(),
    linkId: random.pick(links).id,
    workspaceId,
    automated,
    synthetic: random.next() < 0.1,
    outcome: random.pick(["redirect", "redirect", "guide", "denied"]),
    platform: random.pick(["wechat", "qq", "browser"]),
    os: random.pick(["ios", "android"]),
    device: random.pick(["phone", "tablet"]),
    browser: random.pick(["chrome", "safari", "webview"]),
    language: random.pick(["zh-CN", "en", ""]),
    referrer: random.pick(["", "a.example", "b.example", "c.example", "d.example"]),
    rule: random.pick(["", "1", "to the store"]),
    variant: random.pick(["", "a", "b"]),
    country: random.pick(["CN", "US", ""]),
    region: random.pick(["Shanghai", "Zhejiang", ""]),
  }
}

function randomQuestion(): Question {
  const timezone = random.next() < 0.6 ? HOME : random.pick(ZONES)
  const interval = random.pick(["quarter", "hour", "day", "day", "week", "month"])
  const isShort = interval === "quarter" || interval === "hour"
  const fromMs = FIRST + Math.floor(random.next() * (DAYS - 1) * DAY_MS)
  const lengthMs = (1.1 + random.next() * (isShort ? 4 : DAYS)) * DAY_MS
  const from = momentOf(fromMs, timezone)
  const to = momentOf(fromMs + lengthMs, timezone)
  const isSynthetic = random.next() < 0.15
  const dimensions: readonly [string, ...string[]] = isSynthetic ? ["decision"] : random.pick(GROUPS)
  const question: Question = { from, to, timezone, interval }
  if (isSynthetic) question.synthetic = "true"
  if (random.next() < 0.6) question.groupBy = random.pick(dimensions)
  if (random.next() < 0.4) question.limit = random.pick(["1", "2", "3"])
  if (random.next() < 0.3) question.compare = "previous"
  if (random.next() < 0.5) question[random.pick(["link", "tag"])] = ""
  if (question.link === "") question.link = random.pick(links).id
  if (question.tag === "") question.tag = random.pick(["spring", "sale"])
  for (const dimension of dimensions) if (random.next() < 0.3) question[dimension] = randomFilter(dimension)
  return question
}

/** Often a midnight, as those are what days can answer. */
function momentOf(ms: number, timeZone: string): string {
  const quarter = ms - (ms % 900_000)
  if (random.next() < 0.4) return new Date(quarter).toISOString()
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short" })
  let midnight = quarter
  while (day.format(midnight - 1) === day.format(quarter)) midnight -= 900_000
  return new Date(midnight).toISOString()
}

function randomFilter(dimension: string): string {
  const values = new Set([wordOf(random.pick(visits), dimension), wordOf(random.pick(visits), dimension)])
  const isNegated = random.next() < 0.4
  return [...values].map((value) => (isNegated ? `-${value}` : value)).join(",")
}

async function read(question: Question) {
  return call<Visits>("GET", `/v1/stats/visits?${new URLSearchParams(question)}`)
}
