import { connect } from "node:net"
import type { Link } from "@qiao/core/link.ts"
import t, { type Test } from "tap"
import { expectProblem, type Method, startAdmin } from "./support/admin.ts"

const admin = await startAdmin(t)
const { as, call, newKey } = admin
const stranger = await admin.newWorkspace("stranger.example.com")

const ROUTES: [Method, string, scope: string, body?: object][] = [
  ["GET", "/v1/links", "links:read"],
  ["GET", "/v1/links/x", "links:read"],
  ["POST", "/v1/links", "links:write", { url: "https://a.example/" }],
  ["PUT", "/v1/links", "links:write", { url: "https://a.example/", externalId: "x" }],
  ["PATCH", "/v1/links/x", "links:write", {}],
  ["DELETE", "/v1/links/x", "links:write"],
  ["GET", "/v1/tags", "links:read"],
  ["GET", "/v1/tags/x", "links:read"],
  ["POST", "/v1/tags", "links:write", { name: "x" }],
  ["PATCH", "/v1/tags/x", "links:write", { name: "x" }],
  ["DELETE", "/v1/tags/x", "links:write"],
  ["GET", "/v1/domains", "links:read"],
  ["GET", "/v1/domains/x", "links:read"],
  ["POST", "/v1/domains", "operator", { host: "x.example" }],
  ["PATCH", "/v1/domains/x", "admin", {}],
  ["DELETE", "/v1/domains/x", "operator"],
  ["GET", "/v1/keys", "admin"],
  ["GET", "/v1/keys/x", "admin"],
  ["POST", "/v1/keys", "admin", { name: "x", scopes: ["links:read"] }],
  ["PATCH", "/v1/keys/x", "admin", {}],
  ["DELETE", "/v1/keys/x", "admin"],
  ["GET", "/v1/workspaces", "operator"],
  ["GET", "/v1/workspaces/x", "links:read"],
  ["POST", "/v1/workspaces", "operator", { name: "x" }],
  ["PATCH", "/v1/workspaces/x", "admin", {}],
  ["GET", "/v1/stats/visits", "stats:read"],
]
const SCOPES = ["links:read", "links:write", "stats:read", "admin", "operator"] as const
const IMPLIED: Record<string, readonly string[]> = {
  admin: ["links:read", "links:write", "stats:read", "admin"],
  operator: SCOPES,
}

t.test("without a known key every route is 401 and says how to ask", async (t) => {
  const secret = `qk_${"a".repeat(32)}`
  const cases: [header: string | null, code: string][] = [
    [null, "missing_key"],
    ["", "unknown_key"],
    ["Bearer", "unknown_key"],
    ["Bearer ", "unknown_key"],
    [`Bearer ${secret}`, "unknown_key"],
    [`Bearer ${admin.key}x`, "unknown_key"],
    [`Bearer ${admin.key} ${admin.key}`, "unknown_key"],
    [`Basic ${Buffer.from(`${admin.key}:`).toString("base64")}`, "unknown_key"],
    [admin.key, "unknown_key"],
    [`Bearer ${admin.key.toLowerCase()}`, "unknown_key"],
    ["Bearer qk_' or '1'='1", "unknown_key"],
  ]
  for (const [header, code] of cases) {
    const answer = await as(null)(
      "GET",
      "/v1/links",
      undefined,
      header === null ? {} : { authorization: header },
    )
    expectProblem(t, answer, 401, code)
    t.match(answer.headers["www-authenticate"], /^Bearer/)
  }
  for (const [method, path, , body] of ROUTES) {
    expectProblem(t, await as(null)(method, path, body), 401, "missing_key")
  }
  t.equal(
    (await as(null)("GET", "/v1/links", undefined, { authorization: `bearer  ${admin.key}` })).status,
    200,
  )
})

t.test("the body of a caller who may not ask is not even parsed", async (t) => {
  expectProblem(t, await as(null)("POST", "/v1/links", "{"), 401, "missing_key")
  expectProblem(t, await as(null)("POST", "/v1/links", "x".repeat(1 << 20)), 401, "missing_key")
  const reader = as(await newKey(["links:read"]))
  expectProblem(t, await reader("POST", "/v1/links", "{"), 403, "missing_scope")
})

t.test("over a socket, a body that is announced and never sent is refused at once", async (t) => {
  await admin.app.listen({ host: "127.0.0.1", port: 0 })
  const address = admin.app.server.address()
  const socket = connect(typeof address === "object" && address ? address.port : 0, "127.0.0.1")
  t.teardown(() => socket.destroy())
  socket.write(
    "POST /v1/links HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
  )
  const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))))
  t.match(answer, /^HTTP\/1\.1 401 /)
})

t.test("every route needs its scope, and admin and operator imply what they say", async (t) => {
  for (const held of SCOPES) {
    const caller = as(await newKey([held]))
    for (const [method, path, needed, body] of ROUTES) {
      const isAllowed = (IMPLIED[held] ?? [held]).includes(needed)
      if (isAllowed) {
        // What is allowed is tried only where it changes nothing.
        if (method !== "GET" && !path.endsWith("/x")) continue
        t.not((await caller(method, path, body)).status, 403, `${held}: ${method} ${path}`)
      } else {
        const problem = expectProblem(t, await caller(method, path, body), 403, "missing_scope")
        t.ok(problem.detail.includes(needed))
      }
    }
  }
})

t.test("an expired key is told apart from an unknown one, and is refused to the millisecond", async (t) => {
  const expired = await newKey(["admin"], { expiresAt: new Date(Date.now() - 1) })
  expectProblem(t, await as(expired)("GET", "/v1/links"), 401, "expired_key")
  const valid = await newKey(["admin"], { expiresAt: new Date(Date.now() + 60_000) })
  t.equal((await as(valid)("GET", "/v1/links")).status, 200)
})

t.test("what belongs to another workspace does not exist, on every verb", async (t) => {
  const link = (
    await stranger.call<Link>("POST", "/v1/links", {
      url: "https://a.example/",
      externalId: "theirs",
      code: "theirs",
    })
  ).body
  const tag = (await stranger.call<{ id: string }>("POST", "/v1/tags", { name: "theirs" })).body
  const firstOf = async (path: string) =>
    (await stranger.call<{ data: { id: string }[] }>("GET", path)).body.data[0]?.id ?? ""
  const domain = await firstOf("/v1/domains")
  const key = await firstOf("/v1/keys")
  const ours = as(await newKey(["admin"]))
  const address = encodeURIComponent(`${stranger.host}/theirs`)
  const things: [path: string, patch: object][] = [
    [`/v1/links/${link.id}`, { title: "mine" }],
    ["/v1/links/ext_theirs", { title: "mine" }],
    [`/v1/links/${address}`, { title: "mine" }],
    [`/v1/tags/${tag.id}`, { name: "mine" }],
    [`/v1/domains/${domain}`, { rootUrl: "https://a.example/" }],
    [`/v1/keys/${key}`, { name: "mine" }],
    [`/v1/workspaces/${stranger.workspaceId}`, { name: "mine" }],
  ]
  for (const [path, patch] of things) await expectHidden(t, ours, path, patch)
  expectProblem(t, await ours("GET", `/v1/stats/visits?link=${link.id}`), 404, "not_found")
  for (const path of ["/v1/links", "/v1/tags", "/v1/domains", "/v1/keys"]) {
    const { text } = await ours("GET", path)
    for (const id of [link.id, tag.id, domain, key]) t.notOk(text.includes(id), `${path} does not list ${id}`)
  }
  const unknown = await ours("POST", "/v1/links", { url: "https://a.example/", domain: stranger.host })
  t.match(expectProblem(t, unknown, 422, "invalid_input").errors, [
    { pointer: "/domain", code: "unknown_domain" },
  ])
  t.equal((await stranger.call<Link>("GET", `/v1/links/${link.id}`)).body.version, 1, "nothing was changed")
})

t.test("an operator manages the domains and keys of every workspace", async (t) => {
  const operator = as(await newKey(["operator"]))
  const { workspaceId } = stranger
  const host = "operated.example.com"
  const domain = (await operator<{ id: string }>("POST", "/v1/domains", { host, workspaceId })).body.id
  const aliases = ["alias.operated.example.com"]
  t.match((await operator("PATCH", `/v1/domains/${domain}`, { aliases })).body, { aliases, workspaceId })
  const newKeyBody = { name: "theirs", scopes: ["links:read"], workspaceId }
  const key = (await operator<{ id: string }>("POST", "/v1/keys", newKeyBody)).body.id
  for (const [path, id] of [
    ["/v1/domains", domain],
    ["/v1/keys", key],
  ]) {
    t.ok((await operator("GET", `${path}?workspaceId=${workspaceId}`)).text.includes(id ?? ""))
    const admin = as(await newKey(["admin"]))
    expectProblem(t, await admin("GET", `${path}?workspaceId=${workspaceId}`), 403, "missing_scope")
    t.equal((await operator("DELETE", `${path}/${id}`)).status, 204)
  }
})

t.test("the same externalId and tag name live side by side in two workspaces", async (t) => {
  const body = { url: "https://a.example/", externalId: "shared", tags: ["shared"] }
  const [one, two] = [
    await call<Link>("POST", "/v1/links", body),
    await stranger.call<Link>("POST", "/v1/links", body),
  ]
  t.same([one.status, two.status], [201, 201])
  t.equal((await call<Link>("GET", "/v1/links/ext_shared")).body.id, one.body.id)
  t.equal((await stranger.call<Link>("GET", "/v1/links/ext_shared")).body.id, two.body.id)
})

async function expectHidden(t: Test, caller: typeof call, path: string, patch: object) {
  expectProblem(t, await caller("GET", path), 404, "not_found")
  expectProblem(t, await caller("PATCH", path, patch), 404, "not_found")
  expectProblem(t, await caller("PATCH", path, patch, { "if-match": "*" }), 404, "not_found")
  if (path.startsWith("/v1/workspaces")) return
  const hidden = path.startsWith("/v1/domains")
    ? ([403, "missing_scope"] as const)
    : ([404, "not_found"] as const)
  expectProblem(t, await caller("DELETE", path), hidden[0], hidden[1])
}
