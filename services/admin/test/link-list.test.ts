import type { Link } from "@qiao/core/link.ts"
import t from "tap"
import { HOST, type PageBody, readAll, startAdmin } from "./support/admin.ts"
import { seedLinks } from "./support/seed.ts"

const admin = await startAdmin(t)
const { call, newLink, db } = admin

await call("POST", "/v1/domains", { host: "b.example.com" })
const past = "2020-01-01T00:00:00Z"
const links = {
  plain: await newLink({ code: "plain", title: "100% sale_now" }),
  tagged: await newLink({ code: "tagged", tags: ["red", "blue"] }),
  red: await newLink({ code: "red", tags: ["red"], url: "https://Deep.example.com/Path?q=Needle" }),
  guide: await newLink({ code: "guide", guidePlatforms: ["wechat"] }),
  allow: await newLink({ code: "allow", allowPlatforms: ["wechat", "qq"] }),
  other: await newLink({ code: "春天", domain: "b.example.com" }),
  disabled: await newLink({ code: "disabled", enabled: false }),
  expired: await newLink({ code: "expired", expiresAt: past }),
  scheduled: await newLink({ code: "scheduled", startsAt: "2099-01-01T00:00:00Z" }),
  exhausted: await newLink({ code: "exhausted", maxClicks: 1 }),
  banned: await newLink({ code: "banned" }),
  deleted: await newLink({ code: "deleted", tags: ["red"] }),
}
await call("DELETE", `/v1/links/${links.deleted.id}`)
await db.updateTable("links").set({ bannedAt: new Date() }).where("id", "=", links.banned.id).execute()
const clicks = { [links.exhausted.id]: 1, [links.red.id]: 10, [links.tagged.id]: 9 }
for (const [linkId, count] of Object.entries(clicks)) {
  await db.insertInto("linkTotals").values({ linkId, visits: count, clicks: count }).execute()
}

async function codes(query: string) {
  return (await readAll<Link>(call, `/v1/links?limit=3&${query}`)).map(({ code }) => code)
}
const sorted = async (query: string) => (await codes(query)).sort()

t.test("every filter finds what it names and nothing else", async (t) => {
  const cases: [query: string, codes: string[]][] = [
    ["tag=red", ["red", "tagged"]],
    ["tag=blue", ["tagged"]],
    ["tag=none", []],
    ["domain=b.example.com", ["春天"]],
    [`domain=${HOST}&tag=blue`, ["tagged"]],
    ["domain=b.example.com&tag=blue", []],
    ["platform=qq", ["allow"]],
    ["platform=wechat", ["allow", "guide"]],
    ["status=disabled", ["disabled"]],
    ["status=expired", ["expired"]],
    ["status=scheduled", ["scheduled"]],
    ["status=exhausted", ["exhausted"]],
    ["status=banned", ["banned"]],
    ["status=active", ["allow", "guide", "plain", "red", "tagged", "春天"]],
    ["status=active&platform=wechat&sort=clicks", ["allow", "guide"]],
  ]
  for (const [query, expected] of cases) t.same(await sorted(query), expected.sort(), query)
})

t.test(
  "a search looks into code, url and title, in any case, and takes every character as itself",
  async (t) => {
    const cases: [search: string, codes: string[]][] = [
      ["needle", ["red"]],
      ["PLAIN", ["plain"]],
      ["春", ["春天"]],
      ["100%", ["plain"]],
      ["sale_now", ["plain"]],
      ["sale%now", []],
      ["saleXnow", []],
      ["_", ["plain"]],
      ["%", ["plain"]],
      ["\\", []],
      ["' or true --", []],
    ]
    for (const [search, expected] of cases)
      t.same(await sorted(`search=${encodeURIComponent(search)}`), expected, search)
  },
)

t.test("every sort orders as it says, over pages", async (t) => {
  const live = Object.values(links).filter(({ code }) => code !== "deleted")
  const byCreation = live.map(({ code }) => code)
  t.same(await codes("sort=createdAt"), byCreation)
  t.same(await codes("sort=-createdAt"), byCreation.toReversed())
  t.same(await codes(""), byCreation.toReversed(), "newest first unless asked otherwise")
  const byClicks = live.toSorted(
    (a, b) => (clicks[a.id] ?? 0) - (clicks[b.id] ?? 0) || (a.id < b.id ? -1 : 1),
  )
  t.same(
    await codes("sort=clicks"),
    byClicks.map(({ code }) => code),
  )
  t.same(
    await codes("sort=-clicks"),
    byClicks.toReversed().map(({ code }) => code),
  )
  await call("PATCH", `/v1/links/${links.guide.id}`, { title: "touched" })
  t.equal((await codes("sort=-updatedAt"))[0], "guide")
  t.equal((await codes("sort=updatedAt")).at(-1), "guide")
  t.same((await codes("sort=updatedAt")).toReversed(), await codes("sort=-updatedAt"))
})

t.test("links of the very same time and clicks are paged without losing or repeating one", async (t) => {
  const { ids } = await seedLinks(admin, 257, { host: "b.example.com" })
  for (const sort of ["createdAt", "-createdAt", "updatedAt", "-updatedAt", "clicks", "-clicks"]) {
    const all = await readAll<Link>(call, `/v1/links?domain=b.example.com&limit=16&sort=${sort}`)
    t.equal(all.length, 258, sort)
    t.equal(new Set(all.map(({ id }) => id)).size, 258)
    t.ok(ids.every((id) => all.some((link) => link.id === id)))
  }
})

t.test("paging never loses or repeats a row while rows are added", async (t) => {
  const before = new Set((await readAll<Link>(call, "/v1/links?limit=100")).map(({ id }) => id))
  for (const sort of ["createdAt", "-createdAt", "-updatedAt"]) {
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const more: string = cursor === null ? "" : `&cursor=${cursor}`
      const [page] = await Promise.all([
        call<PageBody<Link>>("GET", `/v1/links?limit=50&sort=${sort}${more}`),
        newLink(),
        newLink(),
      ])
      seen.push(...page.body.data.map(({ id }) => id))
      cursor = page.body.nextCursor
    } while (cursor !== null)
    t.equal(new Set(seen).size, seen.length, `${sort}: none came twice`)
    t.ok(
      [...before].every((id) => seen.includes(id)),
      `${sort}: all came that were there`,
    )
  }
})

t.test("the last page says that it is the last, also when it is full", async (t) => {
  const page = (await call<PageBody<Link>>("GET", "/v1/links?tag=red&limit=2")).body
  t.match([page.data.length, page.nextCursor], [2, null])
  const none = (await call<PageBody<Link>>("GET", "/v1/links?tag=nothing")).body
  t.same(none, { data: [], nextCursor: null })
})

t.test("a row that was deleted does not end the list that its cursor began", async (t) => {
  const first = (await call<PageBody<Link>>("GET", "/v1/links?limit=5")).body
  const last = first.data.at(-1)?.id
  await call("DELETE", `/v1/links/${last}`)
  const second = await call<PageBody<Link>>("GET", `/v1/links?limit=5&cursor=${first.nextCursor}`)
  t.equal(second.body.data.length, 5)
})
