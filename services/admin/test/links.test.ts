import type { Link } from "@qiao/core/link.ts"
import t from "tap"
import { expectProblem, faults, HOST, type ProblemBody, startAdmin } from "./support/admin.ts"

const admin = await startAdmin(t)
const { call, newLink, db } = admin
const URL_A = "https://shop.example.com/a"

const EVERYTHING = {
  domain: HOST,
  code: "everything",
  url: "https://shop.example.com/spring?a=1#top",
  title: "Spring 春",
  externalId: "crm-1",
  tags: ["spring", "sale"],
  redirectStatus: 307,
  startsAt: "2030-01-01T08:00:00+08:00",
  expiresAt: "2031-01-01T00:00:00.123Z",
  expiredUrl: "https://shop.example.com/over",
  maxClicks: 1000,
  capWhenUnavailable: "open",
  enabled: false,
  forwardQuery: false,
  forwardPath: true,
  guidePlatforms: ["wechat", "wechat"],
  allowPlatforms: ["wechat", "qq"],
}

t.test("a link is created with every field it was given", async (t) => {
  const { status, headers, body } = await call<Link>("POST", "/v1/links", EVERYTHING)
  t.equal(status, 201)
  t.match(body, {
    ...EVERYTHING,
    tags: ["sale", "spring"],
    startsAt: "2030-01-01T00:00:00.000Z",
    guidePlatforms: ["wechat"],
    shortUrl: `https://${HOST}/everything`,
    hasPassword: false,
    rules: [],
    status: "scheduled",
    visits: { total: 0, automated: 0 },
    clicks: 0,
    version: 1,
  })
  t.match(body.id, /^lnk_/)
  t.match(body.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.equal(headers.location, `/v1/links/${body.id}`)
  t.equal(headers.etag, '"1"')
  const read = await call<Link>("GET", `/v1/links/${body.id}`)
  t.same(read.body, body, "and reads the same")
  t.equal(read.headers.etag, '"1"')
})

t.test("a link that was given a url alone has the documented defaults", async (t) => {
  const { id, code, shortUrl, version, createdAt, updatedAt, ...rest } = await newLink({ url: URL_A })
  t.match(code, /^[346789ABCDEFGHJKLMNPQRTUVWXYabcdefghijkmnpqrtwxyz]{7}$/)
  t.equal(shortUrl, `https://${HOST}/${code}`)
  t.equal(createdAt, updatedAt)
  t.same(rest, {
    ...{ domain: HOST, url: URL_A, title: null, externalId: null, tags: [], redirectStatus: 302 },
    ...{ startsAt: null, expiresAt: null, expiredUrl: null, maxClicks: null, hasPassword: false },
    ...{ capWhenUnavailable: "closed" },
    ...{ enabled: true, forwardQuery: true, forwardPath: false, guidePlatforms: [], allowPlatforms: null },
    ...{
      rules: [],
      ruleSetId: null,
      warnings: [],
      status: "active",
      visits: { total: 0, automated: 0 },
      clicks: 0,
    },
  })
})

t.test("a link is named by its id, its externalId and its address, on every verb", async (t) => {
  const link = await newLink({ code: "three-ways", externalId: "crm/7 ü" })
  const names = [link.id, `ext_${link.externalId}`, `${HOST}/three-ways`].map(encodeURIComponent)
  for (const name of names) {
    t.equal((await call<Link>("GET", `/v1/links/${name}`)).body.id, link.id, name)
    t.equal((await call<Link>("PATCH", `/v1/links/${name}`, { title: name })).body.title, name)
  }
  for (const wrong of [
    "lnk_nothing",
    "ext_nothing",
    `${HOST}/nothing`,
    "elsewhere.example/three-ways",
    "x",
  ]) {
    expectProblem(t, await call("GET", `/v1/links/${encodeURIComponent(wrong)}`), 404, "not_found")
    expectProblem(t, await call("PATCH", `/v1/links/${encodeURIComponent(wrong)}`, {}), 404, "not_found")
    expectProblem(t, await call("DELETE", `/v1/links/${encodeURIComponent(wrong)}`), 404, "not_found")
  }
  t.equal((await call("DELETE", `/v1/links/${names[2]}`)).status, 204)
})

t.test("a code may be Chinese, and is told apart by case on a case-sensitive domain", async (t) => {
  const spring = await newLink({ code: "春天" })
  t.equal(spring.shortUrl, `https://${HOST}/%E6%98%A5%E5%A4%A9`)
  const name = encodeURIComponent(`${HOST}/春天`)
  t.equal((await call<Link>("GET", `/v1/links/${name}`)).body.id, spring.id)
  const [upper, lower] = [await newLink({ code: "Case" }), await newLink({ code: "case" })]
  t.not(upper.id, lower.id)
})

t.test("on a case-insensitive domain codes that differ in case are one code", async (t) => {
  const domain = "ci.example.com"
  t.equal((await call("POST", "/v1/domains", { host: domain, caseSensitive: false })).status, 201)
  const link = await newLink({ domain, code: "SpRing" })
  t.equal(link.code, "SpRing", "it keeps the form it was given")
  const again = { domain, code: "sPrINg", url: URL_A }
  expectProblem(t, await call("POST", "/v1/links", again), 409, "code_taken")
  const name = encodeURIComponent(`${domain}/SPRING`)
  t.equal((await call<Link>("GET", `/v1/links/${name}`)).body.id, link.id)
})

t.test("who prefers text/plain gets the short url alone", async (t) => {
  const answer = await call("POST", "/v1/links", { url: URL_A, code: "plain" }, { accept: "text/plain" })
  t.equal(answer.status, 201)
  t.match(answer.headers["content-type"], /^text\/plain/)
  t.equal(answer.text, `https://${HOST}/plain\n`)
  t.match(answer.headers.location, /^\/v1\/links\/lnk_/)
})

t.test("a change touches what it names and nothing else, and raises the version", async (t) => {
  const link = await newLink({ tags: ["one"], maxClicks: 5, title: "old" })
  const { status, body, headers } = await call<Link>("PATCH", `/v1/links/${link.id}`, {
    title: null,
    tags: ["two"],
  })
  t.equal(status, 200)
  const { updatedAt, ...changed } = body
  t.match({ ...link, title: null, tags: ["two"], version: 2 }, changed)
  t.ok(updatedAt >= link.updatedAt)
  t.equal(headers.etag, '"2"')
})

t.test("domain and code never change", async (t) => {
  const link = await newLink({ code: "for-years" })
  const patch = { domain: "other.example.com", code: "new" }
  const problem = expectProblem(t, await call("PATCH", `/v1/links/${link.id}`, patch), 422, "invalid_input")
  t.same(faults(problem), ["/code immutable", "/domain immutable"])
  t.same((await call<Link>("GET", `/v1/links/${link.id}`)).body, link)
})

t.test("If-Match lets a change through at the version it names, and only then", async (t) => {
  const link = await newLink()
  const path = `/v1/links/${link.id}`
  const change = (ifMatch: string) => call("PATCH", path, { maxClicks: 7 }, { "if-match": ifMatch })
  for (const stale of ['"2"', '"0"', "1", 'W/"1"', '"1', "", "nonsense", '"x", "y"']) {
    expectProblem(t, await change(stale), 412, "version_mismatch")
  }
  t.equal((await call<Link>("GET", path)).body.version, 1, "nothing was changed")
  t.equal((await change('"1"')).status, 200)
  expectProblem(t, await change('"1"'), 412, "version_mismatch")
  t.equal((await change('"7", "2"')).status, 200, "a list that holds it")
  t.equal((await change("*")).status, 200, "any version")
  expectProblem(t, await call("DELETE", path, undefined, { "if-match": '"3"' }), 412, "version_mismatch")
  t.equal((await call("DELETE", path, undefined, { "if-match": '"4"' })).status, 204)
})

t.test("of parallel changes with the same If-Match exactly one gets through", async (t) => {
  const link = await newLink()
  const change = (_: unknown, i: number) =>
    call("PATCH", `/v1/links/${link.id}`, { title: `${i}` }, { "if-match": '"1"' })
  const answers = await Promise.all(Array.from({ length: 50 }, change))
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ status }) => status === 412).length, 49)
})

t.test("parallel changes of different fields all survive", async (t) => {
  const link = await newLink()
  const patches = [
    { title: "t" },
    { maxClicks: 9 },
    { forwardPath: true },
    { enabled: false },
    { tags: ["p"] },
    { expiredUrl: URL_A },
  ]
  const answers = await Promise.all(patches.map((patch) => call("PATCH", `/v1/links/${link.id}`, patch)))
  t.ok(answers.every(({ status }) => status === 200))
  const { body } = await call<Link>("GET", `/v1/links/${link.id}`)
  t.match(body, { ...Object.assign({}, ...patches), version: 1 + patches.length })
})

t.test("200 parallel creates of one code give exactly one 201 and 199 times 409", async (t) => {
  const create = (_: unknown, i: number) =>
    call("POST", "/v1/links", { url: `https://shop.example.com/${i}`, code: "wanted" })
  const answers = await Promise.all(Array.from({ length: 200 }, create))
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  const refused = answers.filter(({ status }) => status === 409)
  t.equal(refused.length, 199)
  t.ok(refused.every(({ body }) => body.code === "code_taken"))
  const rows = await db.selectFrom("links").select("id").where("code", "=", "wanted").execute()
  t.equal(rows.length, 1)
})

t.test("200 parallel creates without a code give 200 codes", async (t) => {
  const create = () => call<Link>("POST", "/v1/links", { url: URL_A })
  const answers = await Promise.all(Array.from({ length: 200 }, create))
  t.equal(new Set(answers.map(({ body }) => body.code)).size, 200)
})

t.test("a deleted link is gone, and its code is taken again only by reuse", async (t) => {
  const link = await newLink({ code: "again", externalId: "again" })
  t.equal((await call("DELETE", `/v1/links/${link.id}`)).status, 204)
  for (const name of [link.id, "ext_again", `${HOST}%2Fagain`]) {
    expectProblem(t, await call("GET", `/v1/links/${name}`), 404, "not_found")
    expectProblem(t, await call("DELETE", `/v1/links/${name}`), 404, "not_found")
  }
  const wanted = { code: "again", url: URL_A, externalId: "again" }
  expectProblem(t, await call("POST", "/v1/links", wanted), 409, "code_deleted")
  const reused = await newLink({ ...wanted, reuse: true })
  t.not(reused.id, link.id)
  expectProblem(t, await call("POST", "/v1/links", { ...wanted, reuse: true }), 409, "code_taken")
  t.equal((await call<Link>("GET", `/v1/links/${HOST}%2Fagain`)).body.id, reused.id)
})

t.test("of parallel reuses of a deleted code exactly one gets it", async (t) => {
  const link = await newLink({ code: "reused" })
  await call("DELETE", `/v1/links/${link.id}`)
  const create = () => call("POST", "/v1/links", { url: URL_A, code: "reused", reuse: true })
  const answers = await Promise.all(Array.from({ length: 50 }, create))
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  t.equal(answers.filter(({ body }) => body.code === "code_taken").length, 49)
})

t.test("an externalId names one link of a workspace", async (t) => {
  await newLink({ externalId: "one" })
  const other = await newLink({ externalId: "two" })
  expectProblem(
    t,
    await call("POST", "/v1/links", { url: URL_A, externalId: "one" }),
    409,
    "external_id_taken",
  )
  const taken = await call("PATCH", `/v1/links/${other.id}`, { externalId: "one" })
  expectProblem(t, taken, 409, "external_id_taken")
})

t.test("links that swap their externalIds at the same time never fail with a 5xx", async (t) => {
  for (let round = 0; round < 2; round++) {
    const [a, b] = [`swap-a-${round}`, `swap-b-${round}`]
    const [one, two] = [await newLink({ externalId: a }), await newLink({ externalId: b })]
    const answers = await Promise.all([
      call("PATCH", `/v1/links/${one.id}`, { externalId: b }),
      call("PATCH", `/v1/links/${two.id}`, { externalId: a }),
    ])
    const statuses = answers.map(({ status }) => status)
    t.ok(
      statuses.every((status) => status === 200 || status === 409),
      `${statuses}`,
    )
  }
})

t.test("an upsert creates, then replaces every setting and keeps id, domain and code", async (t) => {
  const first = await call<Link>("PUT", "/v1/links", { externalId: "up", code: "up", url: URL_A, title: "x" })
  t.equal(first.status, 201)
  t.match(first.headers, { etag: '"1"', location: `/v1/links/${first.body.id}` })
  const second = await call<Link>("PUT", "/v1/links", { externalId: "up", url: "https://b.example/" })
  t.equal(second.status, 200)
  t.match(second.body, { id: first.body.id, code: "up", title: null, url: "https://b.example/", version: 2 })
  const same = { externalId: "up", code: "up", domain: HOST, url: URL_A }
  t.equal((await call("PUT", "/v1/links", same)).status, 200, "its own domain and code may be said again")
  const moved = await call("PUT", "/v1/links", { ...same, code: "down", domain: "other.example" })
  t.same(faults(expectProblem(t, moved, 422, "invalid_input")), ["/code immutable", "/domain immutable"])
  const noId = expectProblem(t, await call("PUT", "/v1/links", { url: URL_A }), 422, "invalid_input")
  t.same(faults(noId), ["/externalId required"])
})

t.test("an upsert that names the domain by an alias can be sent again", async (t) => {
  const [host, alias] = ["main.example.com", "alias.example.com"]
  t.equal((await call("POST", "/v1/domains", { host, aliases: [alias] })).status, 201)
  const body = { externalId: "by-alias", domain: alias, code: "by-alias", url: URL_A }
  t.match((await call<Link>("PUT", "/v1/links", body)).body, { domain: host })
  t.equal((await call("PUT", "/v1/links", body)).status, 200)
})

t.test("an upsert honours If-Match and creates nothing under one", async (t) => {
  const put = (ifMatch: string) =>
    call("PUT", "/v1/links", { externalId: "matched", url: URL_A }, { "if-match": ifMatch })
  expectProblem(t, await put("*"), 412, "version_mismatch")
  await newLink({ externalId: "matched" })
  expectProblem(t, await put('"2"'), 412, "version_mismatch")
  t.equal((await put('"1"')).status, 200)
})

t.test("100 parallel upserts of one externalId give one link and no error", async (t) => {
  const put = (_: unknown, i: number) =>
    call<Link>("PUT", "/v1/links", { externalId: "race", url: `https://shop.example.com/${i}` })
  const answers = await Promise.all(Array.from({ length: 100 }, put))
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  t.equal(answers.filter(({ status }) => status === 200).length, 99)
  t.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
  t.equal(Math.max(...answers.map(({ body }) => body.version)), 100)
})

t.test("rules over several settings hold on create, on change and on upsert", async (t) => {
  const [start, end] = ["2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z"]
  const cases: [settings: object, expected: string[]][] = [
    [{ startsAt: start, expiresAt: end }, ["/expiresAt ends_before_start"]],
    [{ startsAt: end, expiresAt: end }, ["/expiresAt ends_before_start"]],
    [{ allowPlatforms: [] }, ["/allowPlatforms nobody_allowed"]],
    [{ allowPlatforms: ["qq"], guidePlatforms: ["wechat"] }, ["/guidePlatforms guide_denied"]],
    [
      { startsAt: start, expiresAt: end, allowPlatforms: [], guidePlatforms: ["qq"] },
      ["/allowPlatforms nobody_allowed", "/expiresAt ends_before_start", "/guidePlatforms guide_denied"],
    ],
  ]
  const link = await newLink({ externalId: "rules" })
  for (const [settings, expected] of cases) {
    const answers = [
      await call("POST", "/v1/links", { url: URL_A, ...settings }),
      await call("PATCH", `/v1/links/${link.id}`, settings),
      await call("PUT", "/v1/links", { externalId: "rules", url: URL_A, ...settings }),
    ]
    for (const answer of answers) t.same(faults(expectProblem(t, answer, 422, "invalid_input")), expected)
  }
  const halves = await newLink({ startsAt: end, guidePlatforms: ["wechat"] })
  const late = await call("PATCH", `/v1/links/${halves.id}`, {
    expiresAt: "2029-01-01T00:00:00Z",
    allowPlatforms: ["qq"],
  })
  const problem = expectProblem(t, late, 422, "invalid_input")
  t.same(faults(problem), ["/expiresAt ends_before_start", "/guidePlatforms guide_denied"])
})

t.test("tags come into being with the links that name them, however many do so at once", async (t) => {
  const names = ["new-c", "new-a", "new-b"]
  const create = (_: unknown, i: number) =>
    call<Link>("POST", "/v1/links", { url: URL_A, tags: i % 2 === 0 ? names : [...names].reverse() })
  const answers = await Promise.all(Array.from({ length: 40 }, create))
  t.ok(answers.every(({ body }) => String(body.tags) === "new-a,new-b,new-c"))
  const rows = await db.selectFrom("tags").select("name").where("name", "like", "new-%").execute()
  t.equal(rows.length, 3)
})

t.test("links may be changed while their tags are deleted: no answer is a 5xx", async (t) => {
  const links = await Promise.all(Array.from({ length: 8 }, () => newLink({ tags: ["hot", "cold"] })))
  for (let round = 0; round < 5; round++) {
    const { data } = (await call<{ data: { id: string; name: string }[] }>("GET", "/v1/tags?limit=100")).body
    const tags = data.filter(({ name }) => name === "hot" || name === "cold")
    const answers = await Promise.all([
      ...links.map(({ id }) => call("PATCH", `/v1/links/${id}`, { tags: ["hot", "cold"] })),
      ...tags.map(({ id }) => call("DELETE", `/v1/tags/${id}`)),
      ...links.map(({ id }) => call("PATCH", `/v1/links/${id}`, { tags: ["cold", "hot", "warm"] })),
    ])
    const failed = answers.filter(({ status }) => status >= 400)
    t.equal(failed.length, 0, failed[0]?.text ?? "none failed")
  }
})

t.test("the status follows from settings and counts", async (t) => {
  const past = "2020-01-01T00:00:00Z"
  const future = "2099-01-01T00:00:00Z"
  const statusOf = async (settings: object) => (await newLink(settings)).status
  t.equal(await statusOf({}), "active")
  t.equal(await statusOf({ startsAt: future, enabled: false }), "scheduled")
  t.equal(await statusOf({ enabled: false, expiresAt: past }), "disabled")
  t.equal(await statusOf({ expiresAt: past, maxClicks: 1 }), "expired")
  const counted = await newLink({ maxClicks: 3 })
  await db
    .insertInto("linkTotals")
    .values({ linkId: counted.id, visits: 5, automated: 2, clicks: 3 })
    .execute()
  const read = await call<Link>("GET", `/v1/links/${counted.id}`)
  t.match(read.body, { status: "exhausted", visits: { total: 5, automated: 2 }, clicks: 3 })
  await db.updateTable("links").set({ bannedAt: new Date() }).where("id", "=", counted.id).execute()
  t.equal((await call<Link>("GET", `/v1/links/${counted.id}`)).body.status, "banned")
})

t.test("links are warned of hosts that are not what they seem, wherever they lead", async (t) => {
  const link = await newLink({
    url: "https://例え.jp/",
    expiredUrl: "https://xn--80ak6aa92e.com/",
    rules: [{ when: { os: ["ios"] }, then: { redirect: "https://münchen.example/" } }],
  })
  t.same(link.warnings, [
    { pointer: "/url", code: "punycode_host", detail: "shows as 例え.jp" },
    { pointer: "/expiredUrl", code: "look_alike", detail: "shows as аррӏе.com, like apple.com" },
    {
      pointer: "/rules/0/then/redirect",
      code: "punycode_host",
      detail: "shows as münchen.example, like munchen.example",
    },
  ])
  t.same((await call<Link>("GET", `/v1/links/${link.id}`)).body.warnings, link.warnings)
})

t.test(
  "a domain that an app blocks warns its links, takes new ones by force only, and nothing rotates",
  async (t) => {
    const blocked = await admin.newWorkspace("blocked.example.com")
    const [main, other] = ["blocked.example.com", "spare.example.com"]
    await call("POST", "/v1/domains", { host: other, workspaceId: blocked.workspaceId })
    const create = (body: object = {}) => blocked.call<Link>("POST", "/v1/links", { url: URL_A, ...body })
    const before = await create({ externalId: "before" })
    const statuses = {
      qq: { status: "ok", note: null, since: "2026-01-01T00:00:00.000Z" },
      wechat: { status: "blocked", note: "appeal sent", since: "2026-02-01T00:00:00.000Z" },
      douyin: { status: "blocked", note: null, since: "2026-03-01T00:00:00.000Z" },
    }
    const platformStatus = JSON.stringify(statuses)
    await db.updateTable("domains").set({ platformStatus }).where("host", "=", main).execute()

    const warnings = [
      {
        pointer: "/domain",
        code: "domain_blocked",
        detail: "is blocked in douyin since 2026-03-01T00:00:00.000Z",
      },
      {
        pointer: "/domain",
        code: "domain_blocked",
        detail: "is blocked in wechat since 2026-02-01T00:00:00.000Z: appeal sent",
      },
    ]
    const path = `/v1/links/${before.body.id}`
    t.same((await blocked.call<Link>("GET", path)).body.warnings, warnings)
    t.match(
      await blocked.call("PATCH", path, { title: "x" }),
      { status: 200 },
      "links that are there are changed",
    )
    const again = await blocked.call("PUT", "/v1/links", { externalId: "before", url: URL_A })
    t.equal(again.status, 200, "and replaced")

    for (const body of [{}, { domain: main }, { force: false }]) {
      expectProblem(
        t,
        await blocked.call("POST", "/v1/links", { url: URL_A, ...body }),
        409,
        "domain_blocked",
      )
    }
    const upsert = (more: object) => {
      return blocked.call<Link>("PUT", "/v1/links", { externalId: "after", url: URL_A, ...more })
    }
    t.match(await upsert({}), { status: 409, body: { code: "domain_blocked" } })
    t.match(await upsert({ force: true }), { status: 201, body: { domain: main, warnings } })
    t.match(await create({ force: true }), { status: 201, body: { domain: main, warnings } })
    t.match(await create({ domain: other }), { status: 201, body: { domain: other, warnings: [] } })
  },
)

t.test("a workspace without a domain is told so, and an unknown domain is named", async (t) => {
  const workspace = (await call<{ id: string }>("POST", "/v1/workspaces", { name: "bare" })).body
  const key = await admin.newKey(["links:write"], { workspaceId: workspace.id })
  const bare = await admin.as(key)("POST", "/v1/links", { url: URL_A })
  t.same(faults(expectProblem(t, bare, 422, "invalid_input")), ["/domain no_domain"])
  const elsewhere = await call<ProblemBody>("POST", "/v1/links", { url: URL_A, domain: "nowhere.example" })
  t.same(faults(expectProblem(t, elsewhere, 422, "invalid_input")), ["/domain unknown_domain"])
})
