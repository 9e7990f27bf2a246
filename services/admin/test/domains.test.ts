import type { Link } from "@qiao/core/link.ts"
import t from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"

type Domain = {
  id: string
  workspaceId: string
  host: string
  aliases: string[]
  origin: string
  version: number
}

const admin = await startAdmin(t)
const { call, as, newKey, db } = admin
const stranger = await admin.newWorkspace("theirs.example.com")
const workspaceAdmin = as(await newKey(["admin"]))

t.test("a domain has documented defaults and reads as it was made", async (t) => {
  const made = await call<Domain>("POST", "/v1/domains", { host: "go.example.com" })
  t.equal(made.status, 201)
  t.match(made.headers, { etag: '"1"', location: `/v1/domains/${made.body.id}` })
  const { id, createdAt, updatedAt, ...rest } = made.body as Domain & { createdAt: string; updatedAt: string }
  t.same(rest, {
    ...{
      workspaceId: admin.workspaceId,
      host: "go.example.com",
      aliases: [],
      origin: "https://go.example.com",
    },
    ...{ caseSensitive: true, rootUrl: null, notFoundUrl: null, expiredUrl: null, version: 1 },
    ...{ files: [], appleAppSiteAssociation: null, assetLinks: null, robotsTxt: null },
    ...{ platformStatus: {}, warnings: [] },
  })
  t.same((await call("GET", `/v1/domains/${id}`)).body, made.body)
})

t.test("a host is unique over all workspaces, as main host and as alias", async (t) => {
  const create = (body: object) => call("POST", "/v1/domains", body)
  t.equal((await create({ host: "u.example.com", aliases: ["v.example.com", "w.example.com"] })).status, 201)
  const { workspaceId } = stranger
  for (const host of ["theirs.example.com", "u.example.com", "v.example.com"]) {
    expectProblem(t, await create({ host }), 409, "host_taken")
    expectProblem(t, await create({ host, workspaceId }), 409, "host_taken")
    expectProblem(t, await create({ host: "new.example.com", aliases: [host] }), 409, "host_taken")
  }
  const free = await create({ host: "new.example.com", workspaceId })
  t.equal(free.status, 201, "a refused domain leaves nothing behind")
})

t.test(
  "of parallel domains with overlapping hosts in any order at most one gets each, and none is a 5xx",
  async (t) => {
    for (let round = 0; round < 3; round++) {
      const [a, b] = [`a${round}.race.example`, `b${round}.race.example`]
      const answers = await Promise.all([
        call("POST", "/v1/domains", { host: a, aliases: [b] }),
        call("POST", "/v1/domains", { host: b, aliases: [a] }),
        call("POST", "/v1/domains", { host: a, aliases: [b] }),
      ])
      const statuses = answers.map(({ status }) => status).sort()
      t.same(statuses, [201, 409, 409])
    }
  },
)

t.test("a domain that is its own alias, or of an unknown workspace, is refused", async (t) => {
  const own = await call("POST", "/v1/domains", {
    host: "self.example.com",
    aliases: ["x.example", "self.example.com"],
  })
  t.same(faults(expectProblem(t, own, 422, "invalid_input")), ["/aliases/1 same_as_host"])
  const nowhere = await call("POST", "/v1/domains", { host: "self.example.com", workspaceId: "ws_nothing" })
  expectProblem(t, nowhere, 404, "not_found")
})

t.test("links made by an alias belong to the main host", async (t) => {
  const domain = (
    await call<Domain>("POST", "/v1/domains", { host: "m.example.com", aliases: ["n.example.com"] })
  ).body
  const link = await admin.newLink({ domain: "n.example.com", code: "x" })
  t.match(link, { domain: "m.example.com", shortUrl: "https://m.example.com/x" })
  for (const host of ["m.example.com", "n.example.com"]) {
    t.equal((await call<Link>("GET", `/v1/links/${encodeURIComponent(`${host}/x`)}`)).body.id, link.id)
    const again = await call("POST", "/v1/links", { url: "https://a.example/", domain: host, code: "x" })
    expectProblem(t, again, 409, "code_taken")
  }
  const moved = await call<Domain>("PATCH", `/v1/domains/${domain.id}`, {
    aliases: ["o.example.com"],
    origin: "http://m.example.com:8080",
  })
  t.match(moved.body, { aliases: ["o.example.com"], version: 2 })
  t.equal(
    (await call<Link>("GET", "/v1/links/o.example.com%2Fx")).body.shortUrl,
    "http://m.example.com:8080/x",
  )
  expectProblem(t, await call("GET", "/v1/links/n.example.com%2Fx"), 404, "not_found")
  t.equal(
    (await call("POST", "/v1/domains", { host: "n.example.com" })).status,
    201,
    "a dropped alias is free again",
  )
})

t.test("a workspace's admin changes its domain's urls, but only the operator its hosts", async (t) => {
  const { id } = (await call<Domain>("POST", "/v1/domains", { host: "own.example.com" })).body
  const path = `/v1/domains/${id}`
  const urls = {
    ...{ rootUrl: "https://a.example/", notFoundUrl: "https://b.example/", expiredUrl: "https://c.example/" },
  }
  t.match((await workspaceAdmin("PATCH", path, urls)).body, urls)
  expectProblem(t, await workspaceAdmin("PATCH", path, { aliases: ["p.example.com"] }), 403, "missing_scope")
  expectProblem(t, await workspaceAdmin("PATCH", path, { aliases: [] }), 403, "missing_scope")
  for (const name of ["host", "caseSensitive", "workspaceId"]) {
    const answer = await call("PATCH", path, { [name]: "x.example.com" })
    t.same(faults(expectProblem(t, answer, 422, "invalid_input")), [`/${name} unknown_field`])
  }
  expectProblem(t, await workspaceAdmin("PATCH", path, urls, { "if-match": '"1"' }), 412, "version_mismatch")
})

t.test("the operator reaches every workspace's domains, and nobody else another's", async (t) => {
  const { workspaceId } = stranger
  const { id } = (await call<Domain>("POST", "/v1/domains", { host: "far.example.com", workspaceId })).body
  const path = `/v1/domains/${id}`
  t.equal((await call<Domain>("GET", path)).body.workspaceId, workspaceId)
  t.equal((await stranger.call("GET", path)).status, 200)
  t.match((await call("PATCH", path, { aliases: ["far2.example.com"] })).body, { version: 2 })
  const list = `/v1/domains?workspaceId=${workspaceId}`
  const listed = await call<{ data: Domain[] }>("GET", list)
  t.same(
    listed.body.data.map(({ host }) => host),
    [stranger.host, "new.example.com", "far.example.com"],
  )
  expectProblem(t, await workspaceAdmin("GET", list), 403, "missing_scope")
  expectProblem(t, await workspaceAdmin("GET", path), 404, "not_found")
  t.equal((await call("DELETE", path)).status, 204)
})

t.test("a domain that has or had a link cannot be deleted, any other can and is free again", async (t) => {
  const body = { host: "brief.example.com", aliases: ["brief2.example.com"] }
  const made = (await call<Domain>("POST", "/v1/domains", body)).body
  t.equal((await call("DELETE", `/v1/domains/${made.id}`)).status, 204)
  expectProblem(t, await call("GET", `/v1/domains/${made.id}`), 404, "not_found")
  const again = (await call<Domain>("POST", "/v1/domains", body)).body
  const link = await admin.newLink({ domain: body.host })
  expectProblem(t, await call("DELETE", `/v1/domains/${again.id}`), 409, "domain_in_use")
  await call("DELETE", `/v1/links/${link.id}`)
  expectProblem(t, await call("DELETE", `/v1/domains/${again.id}`), 409, "domain_in_use")
})

t.test(
  "links that are made while their domain is deleted are refused or keep it, and none is a 5xx",
  async (t) => {
    for (let round = 0; round < 5; round++) {
      const domain = `vanishing${round}.example.com`
      const { id } = (await call<Domain>("POST", "/v1/domains", { host: domain })).body
      const create = () => call("POST", "/v1/links", { url: "https://a.example/", domain })
      const [deleted, ...created] = await Promise.all([
        call("DELETE", `/v1/domains/${id}`),
        ...Array.from({ length: 5 }, create),
      ])
      const isGone = deleted.status === 204
      t.ok(isGone || deleted.status === 409, deleted.text)
      t.ok(
        created.every(({ status }) => (isGone ? status === 422 : status === 201)),
        created.map(({ text }) => text).join(),
      )
      const rows = await db.selectFrom("links").select("id").where("domainId", "=", id).execute()
      t.equal(rows.length, isGone ? 0 : 5)
    }
  },
)

t.test(
  "a domain's urls are checked when they are new, each by its name, and left alone when not",
  async (t) => {
    const bad = { rootUrl: "https://banned.example/", notFoundUrl: "https://theirs.example.com/x" }
    const { id } = (await call<Domain>("POST", "/v1/domains", { host: "checked.example.com", ...bad })).body
    t.equal(id, undefined, "an own host is no target")
    const made = await call<Domain>("POST", "/v1/domains", {
      ...{ host: "checked.example.com", rootUrl: bad.rootUrl },
    })
    t.equal(made.status, 201)
    const path = `/v1/domains/${made.body.id}`
    const itself = { notFoundUrl: "https://alias.example.com/x", aliases: ["alias.example.com"] }
    t.same(faults(expectProblem(t, await call("PATCH", path, itself), 422, "invalid_input")), [
      "/notFoundUrl own_domain",
    ])
    await call("POST", "/v1/bans", { kind: "host", value: "banned.example", reason: "fraud" })
    const after = await call("PATCH", path, { rootUrl: bad.rootUrl, robotsTxt: "", expiredUrl: null })
    t.equal(after.status, 200, "what was there is left alone")
    const both = { notFoundUrl: "https://x.banned.example/", expiredUrl: "https://theirs.example.com/" }
    t.same(faults(expectProblem(t, await call("PATCH", path, both), 422, "invalid_input")), [
      ...["/expiredUrl own_domain", "/notFoundUrl banned_target"],
    ])
    t.match((await call("GET", path)).body, { rootUrl: bad.rootUrl, notFoundUrl: null, version: 2 })
  },
)
