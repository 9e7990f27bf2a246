import t from "tap"
import { foldMonths } from "../src/repositories/upkeep/months.ts"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { connect } from "./support/upkeep.ts"

type Uniques = { visitorDays: number; data: { day: string; visitors: number }[] }
type Rate = { shown: number; returned: number; rate: number | null }
type GuideRate = Rate & { windowDays: number; data: (Rate & { day: string })[] }
type Orphans = {
  visits: number
  data: { host: string; path: string | null; visits: number; lastAt: string }[]
}

const admin = await startAdmin(t)
const { call, db, workspaceId } = admin
const { id: link } = await admin.newLink({ tags: ["spring"] })
const RANGE = { from: "2026-05-01T00:00:00+08:00", to: "2026-05-04T00:00:00+08:00" }

async function addDay(scopeId: string, family: string, day: string, value: string, visits: number) {
  await db
    .insertInto("dayRollups")
    .values({ scopeId, family, day, value, visits: String(visits), automated: "0", clicks: "0" })
    .execute()
}

const url = (path: string, params: Record<string, string>) =>
  `/v1/stats/${path}?${new URLSearchParams({ ...RANGE, ...params })}`

async function read<T>(path: string, params: Record<string, string> = {}): Promise<T> {
  const { status, text, body } = await call<T>("GET", url(path, params))
  if (status !== 200) throw new Error(text)
  return body
}

t.test("unique visitors are those of each day, and their sum is of visitor days", async (t) => {
  await addDay(link, "visitors", "2026-04-30", "", 100)
  await addDay(link, "visitors", "2026-05-01", "", 3)
  await addDay(link, "visitors", "2026-05-03", "", 4)
  await addDay(link, "visitors", "2026-05-04", "", 100)
  await addDay(workspaceId, "visitors", "2026-05-01", "", 5)
  t.match(await read("uniques", { link }), {
    ...{ from: "2026-04-30T16:00:00.000Z", to: "2026-05-03T16:00:00.000Z", timezone: "Asia/Shanghai" },
    visitorDays: 7,
    data: [
      { day: "2026-05-01", visitors: 3 },
      { day: "2026-05-02", visitors: 0 },
      { day: "2026-05-03", visitors: 4 },
    ],
  })
  t.equal((await read<Uniques>("uniques")).visitorDays, 5)
  const within = { from: "2026-05-01T12:00:00+08:00", to: "2026-05-01T13:00:00+08:00" }
  t.same((await read<Uniques>("uniques", { link, ...within })).data, [{ day: "2026-05-01", visitors: 3 }])
})

t.test("the guide rate is told with what it is made of, and is null where nobody was asked", async (t) => {
  const tag = (await call<{ data: { id: string }[] }>("GET", "/v1/tags")).body.data[0]?.id ?? ""
  for (const scope of [link, tag]) {
    await addDay(scope, "guide", "2026-05-01", "shown", 8)
    await addDay(scope, "guide", "2026-05-01", "returned", 2)
    await addDay(scope, "guide", "2026-05-03", "shown", 2)
  }
  for (const scope of [{ link }, { tag: "spring" }] as Record<string, string>[]) {
    t.match(await read("guide-rate", scope), {
      ...{ windowDays: 14, shown: 10, returned: 2, rate: 0.2 },
      data: [
        { day: "2026-05-01", shown: 8, returned: 2, rate: 0.25 },
        { day: "2026-05-02", shown: 0, returned: 0, rate: null },
        { day: "2026-05-03", shown: 2, returned: 0, rate: 0 },
      ],
    })
  }
  t.equal((await read<GuideRate>("guide-rate")).rate, null)
})

t.test("days are told of a month that is over too, with what is counted later", async (t) => {
  const client = await connect(t, admin.databaseUrl)
  const ask = () => Promise.all([read<Uniques>("uniques", { link }), read<GuideRate>("guide-rate", { link })])
  const before = await ask()
  await foldMonths(client, Date.parse("2026-06-20T00:00:00Z"))
  t.same(await db.selectFrom("dayRollups").selectAll().execute(), [])
  t.same(await ask(), before)
  await addDay(link, "visitors", "2026-05-03", "", 1)
  const [{ data }] = await ask()
  t.same(data[2], { day: "2026-05-03", visitors: 5 })
})

t.test("orphans are listed by host and path, the most visited first", async (t) => {
  const add = (day: string, path: string, visits: number, owner = workspaceId) =>
    db
      .insertInto("orphanVisits")
      .values({
        workspaceId: owner,
        day,
        host: "s.example.com",
        path,
        visits,
        lastAt: new Date(`${day}T05:00:00Z`),
      })
      .execute()
  await add("2026-05-01", "/misprint", 2)
  await add("2026-05-03", "/misprint", 3)
  await add("2026-05-02", "/wp-login", 4)
  await add("2026-05-02", "", 1)
  await add("2026-05-04", "/later", 9)
  const stranger = await admin.newWorkspace("theirs.example.com")
  await add("2026-05-02", "/theirs", 9, stranger.workspaceId)
  const host = "s.example.com"
  t.match(await read("orphans"), {
    visits: 10,
    data: [
      { host, path: "/misprint", visits: 5, lastAt: "2026-05-03T05:00:00.000Z" },
      { host, path: "/wp-login", visits: 4, lastAt: "2026-05-02T05:00:00.000Z" },
      { host, path: null, visits: 1, lastAt: "2026-05-02T05:00:00.000Z" },
    ],
  })
  const most = await read<Orphans>("orphans", { limit: "1" })
  t.equal(most.visits, 10, "the sum is of all")
  t.equal(most.data.length, 1)
  t.match(await read("orphans", { host: "other.example" }), { visits: 0, data: [] })
})

t.test("days are the workspace's: another zone, two scopes and what is unknown are refused", async (t) => {
  const cases: [path: string, params: Record<string, string>, expected: string[]][] = [
    ["uniques", { timezone: "UTC" }, ["/timezone not_the_workspaces"]],
    [
      "guide-rate",
      { timezone: "UTC", link, tag: "spring" },
      ["/link not_counted_together", "/tag not_counted_together", "/timezone not_the_workspaces"],
    ],
    ["uniques", { tag: "spring" }, ["/tag unknown_field"]],
    ["orphans", { link }, ["/link unknown_field"]],
    ["uniques", { from: "2020-01-01T00:00:00Z" }, ["/from too_many_intervals"]],
    ["guide-rate", { from: "2026-05-05T00:00:00Z" }, ["/from ends_before_start"]],
  ]
  for (const [path, params, expected] of cases) {
    t.same(faults(expectProblem(t, await call("GET", url(path, params)), 422, "invalid_input")), expected)
  }
  t.equal((await call("GET", url("uniques", { timezone: "Asia/Shanghai" }))).status, 200)
  const stranger = await admin.newWorkspace("others.example.com")
  for (const path of ["uniques", "guide-rate"]) {
    expectProblem(t, await stranger.call("GET", url(path, { link })), 404, "not_found")
  }
})
