import t, { type Test } from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { makeRoom, PLAIN, type StoredVisit, storeVisits } from "./support/stats.ts"

type Counts = { visits: number; automated: number; clicks: number }
type Row = Counts & { start: string; value?: string }
type Period = { source: string; from: string; to: string; totals: Counts; data: Row[] }
type Visits = Period & {
  interval: string
  timezone: string
  groupBy: string | null
  previous: Period | null
}

// The visits of these tests are years old, and yet are kept.
const admin = await startAdmin(t, { env: { CLICK_RETENTION_DAYS: "36500", STATS_VISITS_MAX: "50" } })
const { call, db, workspaceId } = admin
await makeRoom(db)

/** A link with one visit at each of these times. */
async function scope(times: string[], more: Partial<StoredVisit> = {}): Promise<string> {
  const { id } = await admin.newLink()
  await visited(id, times, more)
  return id
}

function visited(linkId: string, times: string[], more: Partial<StoredVisit> = {}) {
  const visits = times.map((at) => ({ ...PLAIN, at, linkId, workspaceId, ...more }))
  return storeVisits(db, visits)
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
  await visited(id, ["2026-05-06T00:00:00Z", "2026-05-06T01:00:00Z"], { platform: "qq" })
  t.same(await series(t, { ...range, from: "2026-05-04T00:00:00Z", groupBy: "platform" }), [
    ...["2026-05-04T00:00Z qq 0", "2026-05-04T00:00Z wechat 0"],
    ...["2026-05-05T00:00Z qq 0", "2026-05-05T00:00Z wechat 1"],
    ...["2026-05-06T00:00Z qq 2", "2026-05-06T00:00Z wechat 0"],
    ...["2026-05-07T00:00Z qq 0", "2026-05-07T00:00Z wechat 0"],
  ])
})

t.test("grouped by platform each has its own counts, and their sum is the total", async (t) => {
  const id = await scope(["2026-05-01T01:00:00Z", "2026-05-01T02:00:00Z"])
  await visited(id, ["2026-05-01T03:00:00Z"], { platform: "qq" })
  const crawler = { platform: "browser", automated: true }
  await visited(id, ["2026-05-01T03:00:00Z", "2026-05-02T03:00:00Z"], crawler)
  const range = { link: id, timezone: "UTC", from: "2026-05-01T00:00:00Z", to: "2026-05-02T00:00:00Z" }
  const grouped = await read({ ...range, groupBy: "platform" })
  const start = "2026-05-01T00:00:00.000Z"
  t.same(grouped.data, [
    { start, value: "wechat", visits: 2, automated: 0, clicks: 2 },
    { start, value: "browser", visits: 1, automated: 1, clicks: 0 },
    { start, value: "qq", visits: 1, automated: 0, clicks: 1 },
  ])
  const plain = await read(range)
  t.same(plain.totals, { visits: 4, automated: 1, clicks: 3 })
  t.same(grouped.totals, plain.totals)
  t.match(grouped, { groupBy: "platform", source: "rollups", interval: "day", timezone: "UTC" })
})

t.test("the values with the most visits are told apart, the rest is one, and nothing is lost", async (t) => {
  const id = await scope([])
  const hosts = ["a.example", "b.example", "b.example", "c.example", "c.example", "c.example", ""]
  for (const referrer of hosts) await visited(id, ["2026-05-01T01:00:00Z"], { referrer })
  const range = { link: id, timezone: "UTC", from: "2026-05-01T00:00:00Z", to: "2026-05-02T00:00:00Z" }
  const grouped = { ...range, groupBy: "referrer", limit: "2" }
  t.same(await series(t, grouped), [
    "2026-05-01T00:00Z c.example 3",
    "2026-05-01T00:00Z b.example 2",
    "2026-05-01T00:00Z (other) 2",
  ])
  t.same(await series(t, { ...grouped, city: "Shanghai" }), await series(t, grouped), "of single visits too")
})

t.test("filters take values, values to leave out, the empty value, and escaped commas", async (t) => {
  const id = await scope([])
  for (const rule of ["", "a", "a,b", "-a"]) await visited(id, ["2026-05-01T01:00:00Z"], { rule })
  const range = { link: id, timezone: "UTC", from: "2026-05-01T00:00:00Z", to: "2026-05-02T00:00:00Z" }
  const cases: [rule: string, visits: number][] = [
    ["a", 1],
    ["a,", 2],
    ["", 1],
    ["-", 3],
    ["-a,-", 2],
    ["a\\,b", 1],
    ["\\-a", 1],
    ["\\-a,a,a\\,b,", 4],
    ["nobody's", 0],
  ]
  for (const [rule, visits] of cases) {
    t.match(await read({ ...range, rule }), { source: "rollups", totals: { visits } }, rule)
    const single = await read({ ...range, rule, city: "Shanghai" })
    t.match(single, { source: "visits", totals: { visits } }, rule)
  }
})

t.test("the previous range is as long: by months, by days of any length, or by time", async (t) => {
  const id = await scope(["2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z", "2026-03-08T12:00:00Z"])
  await visited(id, ["2026-02-01T12:00:00Z"], { platform: "qq" })
  const zone = { link: id, timezone: "America/New_York", compare: "previous" }
  const cases: [params: Record<string, string>, previous: [from: string, to: string]][] = [
    [
      { interval: "month", from: "2026-02-01T05:00:00Z", to: "2026-03-01T05:00:00Z" },
      ["2026-01-01T05:00:00.000Z", "2026-02-01T05:00:00.000Z"],
    ],
    [
      { interval: "month", from: "2026-03-01T05:00:00Z", to: "2026-03-31T12:00:00Z" },
      ["2026-02-01T05:00:00.000Z", "2026-02-28T13:00:00.000Z"],
    ],
    [
      { interval: "day", from: "2026-02-01T05:00:00Z", to: "2026-03-01T05:00:00Z" },
      ["2026-01-04T05:00:00.000Z", "2026-02-01T05:00:00.000Z"],
    ],
    [
      { interval: "day", from: "2026-03-08T05:00:00Z", to: "2026-03-09T04:00:00Z" },
      ["2026-03-07T05:00:00.000Z", "2026-03-08T05:00:00.000Z"],
    ],
    [
      { interval: "hour", from: "2026-03-09T04:00:00Z", to: "2026-03-09T16:00:00Z" },
      ["2026-03-08T05:00:00.000Z", "2026-03-08T16:00:00.000Z"],
    ],
    [
      { interval: "hour", from: "2026-03-09T06:00:00Z", to: "2026-03-09T10:00:00Z" },
      ["2026-03-09T02:00:00.000Z", "2026-03-09T06:00:00.000Z"],
    ],
  ]
  for (const [params, [from, to]] of cases) {
    t.match(await read({ ...zone, ...params }), { previous: { from, to } }, JSON.stringify(params))
  }
  const february = { interval: "month", from: "2026-02-01T05:00:00Z", to: "2026-03-01T05:00:00Z" }
  const { previous } = await read({ ...zone, ...february, groupBy: "platform" })
  t.match(previous?.data, [
    { start: "2026-01-01T05:00:00.000Z", value: "qq", visits: 0 },
    { start: "2026-01-01T05:00:00.000Z", value: "wechat", visits: 1 },
  ])
  const now = { link: id, from: "2026-02-01T05:00:00Z", to: "2026-03-01T05:00:00Z" }
  t.equal((await read(now)).previous, null, "only when asked for")
})

t.test("synthetic visits are in no count but their own", async (t) => {
  const id = await scope(["2026-05-01T01:00:00Z"])
  await visited(id, ["2026-05-01T01:00:00Z", "2026-05-01T02:00:00Z"], { synthetic: true })
  await visited(id, ["2026-05-01T02:00:00Z"], { synthetic: true, outcome: "denied" })
  const range = { link: id, timezone: "UTC", from: "2026-05-01T00:00:00Z", to: "2026-05-02T00:00:00Z" }
  t.equal((await read(range)).totals.visits, 1)
  t.equal((await read({ ...range, city: "-nowhere" })).totals.visits, 1)
  const synthetic = { ...range, synthetic: "true" }
  t.same((await read(synthetic)).totals, { visits: 3, automated: 0, clicks: 2 })
  t.same(await series(t, { ...synthetic, groupBy: "decision" }), [
    "2026-05-01T00:00Z redirect 2",
    "2026-05-01T00:00Z denied 1",
  ])
  t.match(await read({ ...synthetic, groupBy: "platform" }), { source: "visits", totals: { visits: 3 } })
})

t.test(
  "a tag is known by name and id, a domain by host and id, and what two of them share by single visits",
  async (t) => {
    const { id, domain } = await admin.newLink({ tags: ["spring"] })
    const autumn = (await admin.newLink({ tags: ["autumn", "spring"] })).id
    await visited(id, ["2026-04-01T01:00:00Z"])
    await visited(autumn, ["2026-04-01T01:00:00Z", "2026-04-01T02:00:00Z"])
    const tagId = (await call<{ data: { id: string; name: string }[] }>("GET", "/v1/tags")).body.data.find(
      ({ name }) => name === "spring",
    )?.id
    const domainId = (await call<{ data: { id: string }[] }>("GET", "/v1/domains")).body.data[0]?.id
    const range = { timezone: "UTC", from: "2026-04-01T00:00:00Z", to: "2026-04-02T00:00:00Z" }
    const counts: [params: Record<string, string>, visits: number, source: string][] = [
      [{ tag: "spring" }, 3, "rollups"],
      [{ tag: String(tagId) }, 3, "rollups"],
      [{ tag: "autumn" }, 2, "rollups"],
      [{ domain }, 3, "rollups"],
      [{ domain: String(domainId) }, 3, "rollups"],
      [{ tag: "spring", link: autumn }, 2, "visits"],
      [{ tag: "autumn", link: id }, 0, "visits"],
      [{ tag: "spring", domain }, 3, "visits"],
    ]
    for (const [params, visits, source] of counts) {
      t.match(await read({ ...range, ...params }), { source, totals: { visits } }, JSON.stringify(params))
    }
    expectProblem(t, await call("GET", query({ tag: "winter" })), 404, "not_found")
    expectProblem(t, await call("GET", query({ domain: "winter.example" })), 404, "not_found")
  },
)

t.test("a deleted link's visits are still told of, by its id", async (t) => {
  const id = await scope(["2026-05-01T01:00:00Z"])
  t.equal((await call("DELETE", `/v1/links/${id}`)).status, 204)
  const range = { from: "2026-05-01T00:00:00Z", to: "2026-05-02T00:00:00Z" }
  t.equal((await read({ link: id, ...range })).totals.visits, 1)
})

t.test("until now by default, from midnight thirty days before, and every quarter as a whole", async (t) => {
  const { from, to, data, timezone } = await read({})
  t.equal(timezone, "Asia/Shanghai")
  t.equal(Date.parse(to) % 900_000, 0)
  t.ok(Date.parse(to) >= Date.now() && Date.parse(to) < Date.now() + 900_000)
  t.equal(from.slice(10), "T16:00:00.000Z")
  t.equal(data.length, 31)
  const edges = { from: "2026-05-01T00:01:00Z", to: "2026-05-01T00:16:00Z", interval: "quarter" }
  t.match(await read(edges), { from: "2026-05-01T00:00:00.000Z", to: "2026-05-01T00:30:00.000Z" })
  t.equal((await read(edges)).data.length, 2)
})

t.test("another workspace's link does not exist, and its visits are not in ours", async (t) => {
  const stranger = await admin.newWorkspace("theirs.example.com")
  const theirs = (await stranger.call<{ id: string }>("POST", "/v1/links", { url: "https://a.example/" }))
    .body.id
  await visited(theirs, ["2026-07-01T00:00:00Z"], { workspaceId: stranger.workspaceId })
  expectProblem(t, await call("GET", query({ link: theirs })), 404, "not_found")
  expectProblem(t, await call("GET", query({ link: stranger.workspaceId })), 404, "not_found")
  expectProblem(t, await call("GET", query({ link: "lnk_none" })), 404, "not_found")
  expectProblem(t, await call("GET", query({ domain: stranger.host })), 404, "not_found")
  const range = { from: "2026-07-01T00:00:00Z", to: "2026-07-02T00:00:00Z" }
  t.equal((await read(range)).totals.visits, 0)
  t.equal((await read({ ...range, city: "Shanghai" })).totals.visits, 0)
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
    [{ platfrom: "qq" }, "/platfrom unknown_field"],
    [{ platform: "WeChat" }, "/platform unknown_value"],
    [{ country: "CN,-DE" }, "/country mixed_filter"],
    [{ referrer: Array(101).fill("a").join(",") }, "/referrer too_many_values"],
    [{ limit: "0" }, "/limit too_small"],
    [{ compare: "next" }, "/compare invalid_value"],
    [
      { groupBy: "rule", limit: "100", from: "2026-01-01T00:00:00Z", to: "2026-06-01T00:00:00Z" },
      "/limit too_many_values",
    ],
    [{ timezone: "Mars/Base" }, "/timezone unknown_time_zone"],
    [{ timezone: "+08:00" }, "/timezone unknown_time_zone"],
    [{ from: "yesterday" }, "/from invalid_format"],
    [{ from: "0001-01-01T00:00:00Z" }, "/from out_of_range"],
    [{ from: "1969-12-31T23:59:59Z" }, "/from out_of_range"],
  ]
  for (const [params, expected] of cases) {
    t.same(faults(expectProblem(t, await call("GET", query(params)), 422, "invalid_input")), [expected])
  }
  const wrong = { from: "x", interval: "minute", groupBy: "link", platform: "WeChat", timezone: "Mars/Base" }
  const { errors = [] } = expectProblem(t, await call("GET", query(wrong)), 422, "invalid_input")
  t.same(errors.map(({ pointer }) => pointer).sort(), [
    "/from",
    "/groupBy",
    "/interval",
    "/platform",
    "/timezone",
  ])
  for (const [pointer, allowed] of [
    ["/groupBy", /platform.*os.*device.*browser.*country.*region.*referrer.*decision.*city.*isp/],
    ["/interval", /quarter.*hour.*day.*week.*month/],
    ["/platform", /WeChat.*none of.*wechat.*qq/],
  ] as const) {
    t.match(errors.find((error) => error.pointer === pointer)?.detail, allowed, "what is allowed is told")
  }
  for (const year of ["1970", "9999"]) {
    const range = { from: `${year}-01-01T00:00:00Z`, to: `${year}-01-03T00:00:00Z`, timezone: "UTC" }
    t.equal((await read(range)).data.length, 2, `the year ${year}`)
  }
})

t.test("what neither counts nor single visits answer is refused with all that is in the way", async (t) => {
  const id = await scope(Array(51).fill("2026-06-01T00:00:00Z"))
  const range = { link: id, timezone: "UTC", from: "2026-06-01T00:00:00Z", to: "2026-06-02T00:00:00Z" }
  const mixed = { ...range, groupBy: "platform", country: "CN" }
  const problem = expectProblem(t, await call("GET", query(mixed)), 422, "not_answerable")
  t.same(faults(problem), [
    "/country not_counted_together",
    "/from too_many_visits",
    "/groupBy not_counted_together",
  ])
  t.match(problem.errors?.[0]?.detail, /platform, os, device, browser; country, region; language/)
  t.equal(
    (await read({ ...range, groupBy: "platform", os: "android" })).totals.visits,
    51,
    "one group is counted",
  )
  const old = { ...mixed, from: "1990-06-01T00:00:00Z", interval: "month" }
  const gone = expectProblem(t, await call("GET", query({ ...old, city: "x" })), 422, "not_answerable")
  t.same(faults(gone), [
    "/city not_counted_together",
    "/country not_counted_together",
    "/from too_many_visits",
    "/groupBy not_counted_together",
  ])
})
