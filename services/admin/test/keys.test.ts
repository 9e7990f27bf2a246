import { createHash } from "node:crypto"
import { sql } from "kysely"
import t from "tap"
import { expectProblem, faults, startAdmin } from "./support/admin.ts"

type Key = {
  id: string
  workspaceId: string
  key?: string
  hint: string
  scopes: string[]
  version: number
  expiresAt: string | null
}

const admin = await startAdmin(t)
const { call, as, newKey, db } = admin
const stranger = await admin.newWorkspace("theirs.example.com")

const createKey = async (body: object, by = call) => await by<Key>("POST", "/v1/keys", { name: "k", ...body })

t.test("a key is shown once, works at once, and its secret is nowhere in the database", async (t) => {
  const made = await createKey({ scopes: ["links:read", "links:read"] })
  t.equal(made.status, 201)
  t.match(made.headers, { "cache-control": "no-store", location: `/v1/keys/${made.body.id}`, etag: '"1"' })
  const secret = made.body.key ?? ""
  t.match(secret, /^qk_[0-9A-Za-z]{32}$/)
  t.match(made.body, { scopes: ["links:read"], expiresAt: null, workspaceId: admin.workspaceId })
  t.ok(secret.startsWith(made.body.hint) && made.body.hint.length <= 7)
  t.equal((await as(secret)("GET", "/v1/links")).status, 200)

  const row = await db
    .selectFrom("apiKeys")
    .selectAll()
    .where("id", "=", made.body.id)
    .executeTakeFirstOrThrow()
  t.same(row.hash, createHash("sha256").update(secret).digest())
  for (const path of ["/v1/keys", `/v1/keys/${made.body.id}`]) {
    const { text } = await call("GET", path)
    t.notOk(text.includes(secret) || text.includes(row.hash.toString("hex")) || /"(key|hash)":/.test(text))
  }
  for (const table of ["api_keys", "idempotency_keys", "publications"]) {
    const found =
      await sql`select 1 from ${sql.table(table)} as t where t::text like ${`%${secret}%`}`.execute(db)
    t.equal(found.rows.length, 0, table)
  }
})

t.test("nobody grants, changes or deletes what their own key may not do", async (t) => {
  const byAdmin = as(await newKey(["admin"]))
  expectProblem(
    t,
    await byAdmin("POST", "/v1/keys", { name: "k", scopes: ["operator"] }),
    403,
    "missing_scope",
  )
  t.equal((await createKey({ scopes: ["admin", "stats:read"] }, byAdmin)).status, 201)
  const operators = (await createKey({ scopes: ["operator"] })).body
  const path = `/v1/keys/${operators.id}`
  expectProblem(t, await byAdmin("PATCH", path, { name: "mine" }), 403, "missing_scope")
  expectProblem(t, await byAdmin("DELETE", path), 403, "missing_scope")
  const own = (await createKey({ scopes: ["links:read"] }, byAdmin)).body
  expectProblem(
    t,
    await byAdmin("PATCH", `/v1/keys/${own.id}`, { scopes: ["operator"] }),
    403,
    "missing_scope",
  )
  for (const scopes of [["links:write"], ["links:read", "stats:read"]] as const) {
    const low = as(await newKey([...scopes]))
    expectProblem(
      t,
      await low("POST", "/v1/keys", { name: "k", scopes: ["links:read"] }),
      403,
      "missing_scope",
    )
  }
})

t.test("only the operator makes keys for another workspace, and those work there", async (t) => {
  const { workspaceId } = stranger
  const byAdmin = as(await newKey(["admin"]))
  const refused = await byAdmin("POST", "/v1/keys", { name: "k", scopes: ["links:read"], workspaceId })
  expectProblem(t, refused, 403, "missing_scope")
  const made = await createKey({ scopes: ["links:read"], workspaceId })
  t.equal(made.body.workspaceId, workspaceId)
  const domains = await as(made.body.key ?? "")<{ data: { host: string }[] }>("GET", "/v1/domains")
  t.same(
    domains.body.data.map(({ host }) => host),
    [stranger.host],
  )
  const nowhere = await call("POST", "/v1/keys", {
    name: "k",
    scopes: ["links:read"],
    workspaceId: "ws_nothing",
  })
  expectProblem(t, nowhere, 404, "not_found")
})

t.test(
  "a deleted key, a narrowed key and a key that expires work no longer from that moment on",
  async (t) => {
    const { id, key = "" } = (await createKey({ scopes: ["links:read", "links:write"] })).body
    const caller = as(key)
    t.equal((await caller("POST", "/v1/tags", { name: "by-key" })).status, 201)
    const narrowed = await call<Key>("PATCH", `/v1/keys/${id}`, { scopes: ["links:read"] })
    t.match(narrowed.body, { scopes: ["links:read"], version: 2 })
    expectProblem(t, await caller("POST", "/v1/tags", { name: "no-more" }), 403, "missing_scope")
    await call("PATCH", `/v1/keys/${id}`, { expiresAt: "2020-01-01T00:00:00Z" })
    expectProblem(t, await caller("GET", "/v1/tags"), 401, "expired_key")
    await call("PATCH", `/v1/keys/${id}`, { expiresAt: null })
    t.equal((await caller("GET", "/v1/tags")).status, 200)
    t.equal((await call("DELETE", `/v1/keys/${id}`, undefined, { "if-match": '"4"' })).status, 204)
    expectProblem(t, await caller("GET", "/v1/tags"), 401, "unknown_key")
    expectProblem(t, await call("GET", `/v1/keys/${id}`), 404, "not_found")
  },
)

t.test("a key without scopes or with unknown ones is refused", async (t) => {
  const faultsOf = async (body: object) =>
    faults(expectProblem(t, await call("POST", "/v1/keys", body), 422, "invalid_input"))
  t.same(await faultsOf({ name: "k", scopes: [] }), ["/scopes too_small"])
  t.same(await faultsOf({ name: "k", scopes: ["root"] }), ["/scopes/0 invalid_value"])
  t.same(await faultsOf({ expiresAt: "never" }), [
    "/expiresAt invalid_format",
    "/name required",
    "/scopes required",
  ])
})
