import t from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"
import { makeRoom, PLAIN, type StoredVisit, storeVisits } from "./support/stats.ts"

type Counts = { visits: number; automated: number; clicks: number }
type Top = {
  source: string
  from: string
  to: string
  by: string
  totals: Counts
  data: (Counts & {
    value: string
    name?: string
    shortUrl?: string
    title?: string | null
    share: number | null
  })[]
}

const admin = await startAdmin(t, { env: { CLICK_RETENTION_DAYS: "36500" } })
const { call, db, workspaceId } = admin
await makeRoom(db)
const DAY = { from: "2026-05-01T00:00:00+08:00", to: "2026-05-02T00:00:00+08:00" }
const spring = await admin.newLink({ tags: ["spring"], title: "Spring", code: "spring" })
const sale = await admin.newLink({ tags: ["spring", "sale"], code: "sale" })
const quiet = await admin.newLink({ code: "quiet" })
await storeVisits(db, [
  ...visitsOf(spring.id, 3, { platform: "qq" }),
  ...visitsOf(sale.id, 2, {}),
  ...visitsOf(sale.id, 4, { automated: true, platform: "browser" }),
  ...visitsOf(quiet.id, 1, { outcome: "guide" }),
  ...visitsOf(quiet.id, 9, { synthetic: true }),
])

function visitsOf(linkId: string, count: number, more: Partial<StoredVisit>): StoredVisit[] {
  return Array.from({ length: count }, () => ({
    ...{ ...PLAIN, at: "2026-05-01T08:00:00+08:00", linkId, workspaceId },
    ...more,
  }))
}

const query = (params: Record<string, string>) =>
  `/v1/stats/top?${new URLSearchParams({ ...DAY, ...params })}`

async function read(params: Record<string, string>): Promise<Top> {
  const { status, text, body } = await call<Top>("GET", query(params))
  if (status !== 200) throw new Error(text)
  return body
}

t.test("links are named, in the order of their clicks or visits, with their share", async (t) => {
  const top = await read({ by: "link" })
  t.match(top, { source: "rollups", totals: { visits: 10, automated: 4, clicks: 5 } })
  t.same(top.data, [
    {
      ...{ value: spring.id, shortUrl: spring.shortUrl, title: "Spring" },
      ...{ visits: 3, automated: 0, clicks: 3, share: 0.6 },
    },
    {
      ...{ value: sale.id, shortUrl: sale.shortUrl, title: null },
      ...{ visits: 6, automated: 4, clicks: 2, share: 0.4 },
    },
    { value: quiet.id, shortUrl: quiet.shortUrl, title: null, visits: 1, automated: 0, clicks: 0, share: 0 },
  ])
  const byVisits = await read({ by: "link", sort: "visits", limit: "1" })
  t.match(byVisits.data, [{ value: sale.id, share: 0.6 }])
  t.equal(byVisits.data.length, 1)
  t.equal(byVisits.totals.visits, 10, "the totals are of all")
})

t.test("links of a tag or a domain, and those with a filter, which single visits answer", async (t) => {
  t.match((await read({ by: "link", tag: "sale" })).data, [{ value: sale.id, clicks: 2, share: 1 }])
  t.equal((await read({ by: "link", domain: sale.domain })).data.length, 3)
  const qq = await read({ by: "link", platform: "qq" })
  t.match(qq, { source: "visits", data: [{ value: spring.id, clicks: 3 }] })
  t.equal(qq.data.length, 1)
})

t.test("links are counted by whole days: a range is taken to them, and says so", async (t) => {
  const top = await read({ by: "link", from: "2026-05-01T09:00:00+08:00", to: "2026-05-01T10:00:00+08:00" })
  t.match(top, { from: "2026-04-30T16:00:00.000Z", to: "2026-05-01T16:00:00.000Z", totals: { visits: 10 } })
})

t.test("tags and domains are named, and a visit counts for each tag its link had", async (t) => {
  const tags = await read({ by: "tag" })
  t.match(tags.data, [
    { name: "spring", visits: 9, clicks: 5, share: 1 },
    { name: "sale", visits: 6, clicks: 2, share: 0.4 },
  ])
  t.equal(tags.totals.visits, 10)
  t.match((await read({ by: "tag", platform: "qq" })).data, [{ name: "spring", visits: 3 }])
  t.match((await read({ by: "domain" })).data, [{ name: sale.domain, visits: 10, share: 1 }])
})

t.test("any dimension has its values, city and isp of single visits", async (t) => {
  const platforms = await read({ by: "platform", sort: "visits" })
  t.same(
    platforms.data.map(({ value, visits }) => `${value} ${visits}`),
    ["browser 4", "qq 3", "wechat 3"],
  )
  t.match(await read({ by: "city" }), { source: "visits", data: [{ value: "Shanghai", visits: 10 }] })
  t.match(await read({ by: "platform", link: quiet.id }), { data: [{ value: "wechat", share: null }] })
  t.same((await read({ by: "platform", country: "DE" })).data, [])
})

t.test("what is not counted is refused with what is in the way", async (t) => {
  const cases: [params: Record<string, string>, expected: string[]][] = [
    [
      { by: "tag", link: sale.id },
      ["/by not_counted_together", "/by not_of_visits", "/link not_counted_together"],
    ],
    [
      { by: "domain", platform: "qq", country: "CN" },
      ["/by not_of_visits", "/country not_counted_together", "/platform not_counted_together"],
    ],
  ]
  for (const [params, expected] of cases) {
    const problem = expectProblem(t, await call("GET", query(params)), 422, "not_answerable")
    t.same(faults(problem), expected)
  }
  const unknown = expectProblem(t, await call("GET", query({ by: "colour" })), 422, "invalid_input")
  t.match(unknown.errors?.[0], { pointer: "/by", detail: /link.*tag.*domain.*platform.*isp/ })
  expectProblem(t, await call("GET", query({ by: "platform", interval: "day" })), 422, "invalid_input")
})

t.test("nothing of another workspace is listed or read", async (t) => {
  const stranger = await admin.newWorkspace("theirs.example.com")
  const top = async (by: string) => (await stranger.call<Top>("GET", query({ by }))).body
  for (const by of ["link", "tag", "platform"]) t.same((await top(by)).data, [], by)
  t.same((await top("domain")).totals, { visits: 0, automated: 0, clicks: 0 })
  expectProblem(t, await stranger.call("GET", query({ by: "platform", link: sale.id })), 404, "not_found")
  expectProblem(t, await stranger.call("GET", query({ by: "platform", tag: "sale" })), 404, "not_found")
})
