import t, { type Test } from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { drained, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

type Counts = { visits: number; automated: number; clicks: number }
type Visits = {
  source: string
  from: string
  to: string
  interval: string
  timezone: string
  groupBy: string | null
  totals: Counts
  data: (Counts & { start: string; value?: string })[]
}

const admin = await startAdmin(t)
const { call, db } = admin
const link = (await admin.newLink({ externalId: "counted" })).id

/** Rollups as ingest makes them: one visit in the quarter of an hour of each time. */
async function addVisits(scopeId: string, times: string[], { platform = "wechat", automated = false } = {}) {
  for (const time of times) {
    const bucket = new Date(Date.parse(time) - (Date.parse(time) % 900_000))
    for (const [dimension, value] of [
      ["total", ""],
      ["platform", platform],
    ] as const) {
      const row = { scopeId, dimension, bucket, value, automated, visits: 1, clicks: automated ? 0 : 1 }
      await db
        .insertInto("visitRollups")
        .values(row)
        .onConflict((conflict) =>
          conflict.columns(["scopeId", "dimension", "bucket", "value", "automated"]).doUpdateSet((eb) => ({
            visits: eb("visitRollups.visits", "+", 1),
            clicks: eb("visitRollups.clicks", "+", row.clicks),
          })),
        )
        .execute()
    }
  }
}

const query = (params: Record<string, string>) => `/v1/stats/visits?${new URLSearchParams(params)}`

async function read(params: Record<string, string>): Promise<Visits> {
  const { status, text, body } = await call<Visits>("GET", query(params))
  if (status !== 200) throw new Error(text)
  return body
}

/** `start visits` of each interval; the totals must be their sum. */
async function series(t: Test, params: Record<string, string>): Promise<string[]> {
  const { data, totals } = await read(params)
  t.equal(
    totals.visits,
    data.reduce((sum, { visits }) => sum + visits, 0),
  )
  return data.map(({ start, value, visits }) =>
    [start.replace(":00.000Z", "Z"), value, visits].filter((part) => part !== undefined).join(" "),
  )
}

async function scope(times: string[]): Promise<string> {
  const { id } = await admin.newLink()
  await addVisits(id, times)
  return id
}

t.test("a day is a day of the time zone asked for, the workspace's unless told", async (t) => {
  const times = [
    "2026-05-01T15:59:00Z",
    "2026-05-01T16:00:00Z",
    "2026-05-02T15:59:59Z",
    "2026-05-02T16:00:00Z",
  ]
  const id = await scope(times)
  const range = { link: id, from: "2026-04-30T16:00:00Z", to: "2026-05-03T16:00:00Z" }
  const shanghai = ["2026-04-30T16:00Z 1", "2026-05-01T16:00Z 2", "2026-05-02T16:00Z 1"]
  t.same(await series(t, { ...range, timezone: "Asia/Shanghai" }), shanghai)
  t.same(await series(t, range), shanghai, "the workspace's")
  t.equal((await read(range)).timezone, "Asia/Shanghai")
  const utc = { ...range, from: "2026-05-01T00:00:00Z", to: "2026-05-03T00:00:00Z", timezone: "UTC" }
  t.same(await series(t, utc), ["2026-05-01T00:00Z 2", "2026-05-02T00:00Z 2"])
})

t.test("days of half-hour and quarter-hour zones begin where they do", async (t) => {
  const id = await scope([
    "2026-05-01T18:29:00Z",
    "2026-05-01T18:30:00Z",
    "2026-05-01T18:14:00Z",
    "2026-05-01T18:15:00Z",
  ])
  const kolkata = {
    link: id,
    from: "2026-04-30T18:30:00Z",
    to: "2026-05-02T18:30:00Z",
    timezone: "Asia/Kolkata",
  }
  t.same(await series(t, kolkata), ["2026-04-30T18:30Z 3", "2026-05-01T18:30Z 1"])
  const kathmandu = {
    ...kolkata,
    from: "2026-04-30T18:15:00Z",
    to: "2026-05-02T18:15:00Z",
    timezone: "Asia/Kathmandu",
  }
  t.same(await series(t, kathmandu), ["2026-04-30T18:15Z 1", "2026-05-01T18:15Z 3"])
  const hours = { ...kolkata, interval: "hour", from: "2026-05-01T17:30:00Z", to: "2026-05-01T19:30:00Z" }
  t.same(await series(t, hours), ["2026-05-01T17:30Z 3", "2026-05-01T18:30Z 1"])
})

t.test("days of 23 and 25 hours hold what happened in them", async (t) => {
  const timezone = "America/New_York"
  const spring = await scope([
    "2026-03-08T04:59:00Z",
    "2026-03-08T05:00:00Z",
    "2026-03-09T03:59:00Z",
    "2026-03-09T04:00:00Z",
  ])
  t.same(
    await series(t, { link: spring, timezone, from: "2026-03-07T05:00:00Z", to: "2026-03-10T04:00:00Z" }),
    ["2026-03-07T05:00Z 1", "2026-03-08T05:00Z 2", "2026-03-09T04:00Z 1"],
  )
  const autumn = await scope([
    "2026-11-01T03:59:00Z",
    "2026-11-01T04:00:00Z",
    "2026-11-02T04:59:00Z",
    "2026-11-02T05:00:00Z",
  ])
  t.same(
    await series(t, { link: autumn, timezone, from: "2026-10-31T04:00:00Z", to: "2026-11-03T05:00:00Z" }),
    ["2026-10-31T04:00Z 1", "2026-11-01T04:00Z 2", "2026-11-02T05:00Z 1"],
  )
})

t.test("an hour that comes twice is two hours, one that is left out is none", async (t) => {
  const timezone = "America/New_York"
  const autumn = await scope(["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-01T06:45:00Z"])
  const twice = {
    link: autumn,
    timezone,
    interval: "hour",
    from: "2026-11-01T04:00:00Z",
    to: "2026-11-01T08:00:00Z",
  }
  t.same(await series(t, twice), [
    "2026-11-01T04:00Z 0",
    "2026-11-01T05:00Z 1",
    "2026-11-01T06:00Z 2",
    "2026-11-01T07:00Z 0",
  ])
  const spring = await scope(["2026-03-08T06:59:00Z", "2026-03-08T07:00:00Z", "2026-03-08T07:59:00Z"])
  const never = { ...twice, link: spring, from: "2026-03-08T05:00:00Z", to: "2026-03-08T09:00:00Z" }
  t.same(await series(t, never), [
    "2026-03-08T05:00Z 0",
    "2026-03-08T06:00Z 1",
    "2026-03-08T07:00Z 2",
    "2026-03-08T08:00Z 0",
  ])
  const howe = await scope(["2026-04-04T14:15:00Z", "2026-04-04T15:15:00Z"])
  const half = {
    ...twice,
    link: howe,
    timezone: "Australia/Lord_Howe",
    from: "2026-04-04T13:00:00Z",
    to: "2026-04-04T17:00:00Z",
  }
  t.equal((await read(half)).totals.visits, 2, "a change of half an hour loses nothing")
})

t.test("weeks begin on Monday and months on their first, by the local calendar", async (t) => {
  const id = await scope(["2026-05-31T15:59:00Z", "2026-05-31T16:00:00Z", "2026-06-07T16:00:00Z"])
  const range = {
    link: id,
    timezone: "Asia/Shanghai",
    from: "2026-05-24T16:00:00Z",
    to: "2026-06-14T16:00:00Z",
  }
  t.same(await series(t, { ...range, interval: "week" }), [
    "2026-05-24T16:00Z 1",
    "2026-05-31T16:00Z 1",
    "2026-06-07T16:00Z 1",
  ])
  const months = { ...range, interval: "month", from: "2026-04-30T16:00:00Z", to: "2026-06-30T16:00:00Z" }
  t.same(await series(t, months), ["2026-04-30T16:00Z 1", "2026-05-31T16:00Z 2"])
})

t.test("intervals without visits are there with zeros, and nothing outside of the range is", async (t) => {
  const id = await scope(["2026-05-01T00:00:00Z", "2026-05-05T00:00:00Z", "2026-05-08T00:00:00Z"])
  const range = { link: id, timezone: "UTC", from: "2026-05-03T00:00:00Z", to: "2026-05-08T00:00:00Z" }
  t.same(await series(t, range), [
    ...["2026-05-03T00:00Z 0", "2026-05-04T00:00Z 0", "2026-05-05T00:00Z 1", "2026-05-06T00:00Z 0"],
    "2026-05-07T00:00Z 0",
  ])
  t.same(await series(t, { ...range, groupBy: "platform" }), ["2026-05-05T00:00Z wechat 1"])
})

t.test("grouped by platform each has its own counts, and their sum is the total", async (t) => {
  const { id } = await admin.newLink()
  await addVisits(id, ["2026-05-01T01:00:00Z", "2026-05-01T02:00:00Z"])
  await addVisits(id, ["2026-05-01T03:00:00Z"], { platform: "qq" })
  await addVisits(id, ["2026-05-01T03:00:00Z", "2026-05-02T03:00:00Z"], {
    platform: "browser",
    automated: true,
  })
  const range = { link: id, timezone: "UTC", from: "2026-05-01T00:00:00Z", to: "2026-05-03T00:00:00Z" }
  const grouped = await read({ ...range, groupBy: "platform" })
  t.same(grouped.data, [
    { start: "2026-05-01T00:00:00.000Z", value: "browser", visits: 1, automated: 1, clicks: 0 },
    { start: "2026-05-01T00:00:00.000Z", value: "qq", visits: 1, automated: 0, clicks: 1 },
    { start: "2026-05-01T00:00:00.000Z", value: "wechat", visits: 2, automated: 0, clicks: 2 },
    { start: "2026-05-02T00:00:00.000Z", value: "browser", visits: 1, automated: 1, clicks: 0 },
  ])
  const plain = await read(range)
  t.same(plain.totals, { visits: 5, automated: 2, clicks: 3 })
  t.same(grouped.totals, plain.totals)
  t.match(grouped, { groupBy: "platform", source: "rollups", interval: "day", timezone: "UTC" })
})

t.test("what ingest stores shows up at once, for the link by every name and for the workspace", async (t) => {
  const redis = redisClient(t, admin.redis.url)
  startIngest(t, { databaseUrl: admin.databaseUrl, redisUrl: admin.redis.url })
  await send(redis, seal([visit(link), visit(link, { automated: true }), visit(link, { outcome: "guide" })]))
  const other = (await admin.newLink()).id
  await send(redis, seal([visit(other)], { sequence: 2 }))
  await drained(redis)
  const to = { to: new Date(Date.now() + 900_000).toISOString() }
  for (const name of [link, "ext_counted"]) {
    t.same((await read({ link: name, ...to })).totals, { visits: 3, automated: 1, clicks: 1 })
  }
  t.same((await read(to)).totals, { visits: 4, automated: 1, clicks: 2 }, "the whole workspace")
  t.same((await read({ link })).totals, { visits: 3, automated: 1, clicks: 1 }, "until now by default")
})

t.test("another workspace's link does not exist, and its visits are not in ours", async (t) => {
  const stranger = await admin.newWorkspace("theirs.example.com")
  const theirs = (await stranger.call<{ id: string }>("POST", "/v1/links", { url: "https://a.example/" }))
    .body.id
  await addVisits(stranger.workspaceId, ["2026-05-01T00:00:00Z"])
  await addVisits(theirs, ["2026-05-01T00:00:00Z"])
  expectProblem(t, await call("GET", query({ link: theirs })), 404, "not_found")
  expectProblem(t, await call("GET", query({ link: stranger.workspaceId })), 404, "not_found")
  expectProblem(t, await call("GET", query({ link: "lnk_none" })), 404, "not_found")
  const range = { from: "2026-04-01T00:00:00Z", to: "2026-06-01T00:00:00Z" }
  t.equal((await read(range)).totals.visits, 0)
  t.equal((await stranger.call<Visits>("GET", query(range))).body.totals.visits, 1)
})

t.test("a range or interval that makes no sense is refused", async (t) => {
  const cases: [params: Record<string, string>, expected: string][] = [
    [{ from: "2026-05-02T00:00:00Z", to: "2026-05-01T00:00:00Z" }, "/from ends_before_start"],
    [{ from: "2026-05-01T00:00:00Z", to: "2026-05-01T00:00:00Z" }, "/from ends_before_start"],
    [{ from: "2099-01-01T00:00:00Z" }, "/from ends_before_start"],
    [{ from: "2020-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" }, "/interval too_many_intervals"],
    [
      { from: "2026-01-01T00:00:00Z", to: "2026-03-01T00:00:00Z", interval: "hour" },
      "/interval too_many_intervals",
    ],
    [
      { from: "1970-01-01T00:00:00Z", to: "9999-01-01T00:00:00Z", interval: "month" },
      "/interval too_many_intervals",
    ],
    [{ interval: "minute" }, "/interval invalid_value"],
    [{ groupBy: "link" }, "/groupBy invalid_value"],
    [{ timezone: "Mars/Base" }, "/timezone unknown_time_zone"],
    [{ timezone: "+08:00" }, "/timezone unknown_time_zone"],
    [{ from: "yesterday" }, "/from invalid_format"],
    [{ from: "0001-01-01T00:00:00Z" }, "/from out_of_range"],
    [{ from: "1969-12-31T23:59:59Z" }, "/from out_of_range"],
  ]
  for (const [params, expected] of cases) {
    t.same(faults(expectProblem(t, await call("GET", query(params)), 422, "invalid_input")), [expected])
  }
  for (const year of ["1970", "9999"]) {
    const range = { from: `${year}-01-01T00:00:00Z`, to: `${year}-01-03T00:00:00Z`, timezone: "UTC" }
    t.equal((await read(range)).data.length, 2, `the year ${year}`)
  }
})
