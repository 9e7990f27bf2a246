import { type BanSet, decodeBanSet } from "@qiao/core/ban-set.ts"
import { BANS_KEY, linkKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { pino } from "pino"
import t from "tap"
import { buildApp } from "../src/app.ts"
import { parseConfig } from "../src/config.ts"
import { activeBans } from "../src/repositories/bans.ts"
import {
  type Call,
  caller,
  expectProblem,
  faults,
  HOST,
  type PageBody,
  readAll,
  startAdmin,
} from "./support/admin.ts"
import { expectNoDrift, publisherOf, readLink, runPublisher } from "./support/publisher.ts"

type Ban = {
  id: string
  kind: string
  value: string
  workspaceId: string | null
  reason: string
  byOperator: boolean
  createdBy: string
  createdAt: string
  liftedBy: string | null
  liftedAt: string | null
}

const admin = await startAdmin(t, { env: { PUBLISH_WAIT_MS: "10000", BANS_MAX: "6" } })
const { call, as, newKey, db, workspaceId } = admin
const publisher = await publisherOf(t, admin)
runPublisher(t, publisher, admin.databaseUrl, 1_000)
const stranger = await admin.newWorkspace("theirs.example.com")
const ours = as(await newKey(["admin"]))
const reader = as(await newKey(["links:read"]))

const ban = (kind: string, value: string, by: Call = call) =>
  by<Ban>("POST", "/v1/bans", { kind, value, reason: "诈骗" })
const lift = (id: string, by: Call = call) => by("DELETE", `/v1/bans/${id}`)
const asProblem = (by: Call, kind: string, value: string) =>
  by("POST", "/v1/bans", { kind, value, reason: "x" })

async function keyId(key: string) {
  const hint = key.slice(0, 7)
  const row = await db.selectFrom("apiKeys").select("id").where("hint", "=", hint).executeTakeFirstOrThrow()
  return row.id
}
const operatorKey = await keyId(admin.key)

/** What every edge hears of. */
async function banSet(): Promise<BanSet | null> {
  return decodeBanSet((await publisher.redis.get(BANS_KEY)) ?? "").record
}
const isBannedAtEdge = async (code: string, host = HOST) =>
  (await readLink(publisher, linkKey(host, code)))?.record?.banned

async function liftAll() {
  for (const { id } of await readAll<Ban>(call, "/v1/bans?active=true")) await lift(id)
}

t.test(
  "a banned link is banned in Redis when the answer comes, and is not once the ban is lifted",
  async (t) => {
    const link = await admin.newLink({ code: "fraud" })
    for (const name of [link.id, `${HOST}/fraud`]) {
      const made = await ban("link", name, ours)
      t.equal(made.status, 201)
      t.equal(made.headers["qiao-publication"], undefined)
      t.equal(made.headers.location, `/v1/bans/${made.body.id}`)
      t.match(made.body, { kind: "link", value: link.id, workspaceId, reason: "诈骗", byOperator: false })
      t.equal(await isBannedAtEdge("fraud"), true)
      const seen = (await call<Link>("GET", `/v1/links/${link.id}`)).body
      t.match(seen, { status: "banned", version: link.version }, "and If-Match of others still holds")
      await call("PATCH", `/v1/links/${link.id}`, { title: name })
      t.equal(await isBannedAtEdge("fraud"), true, "a change of the link lifts nothing")
      link.version++
      t.equal((await lift(made.body.id, ours)).status, 204)
      t.equal(await isBannedAtEdge("fraud"), false)
      t.equal((await call<Link>("GET", `/v1/links/${link.id}`)).body.status, "active")
    }
  },
)

t.test("banned hosts, domains and workspaces are in the one ban set when the answer comes", async (t) => {
  const bans = [
    await ban("host", "evil.example"),
    await ban("host", "xn--fiqs8s.example"),
    await ban("domain", stranger.host),
    await ban("workspace", stranger.workspaceId),
  ]
  for (const { status, headers } of bans) t.same([status, headers["qiao-publication"]], [201, undefined])
  const expected = {
    hosts: new Set(["evil.example", "xn--fiqs8s.example"]),
    domains: new Set([stranger.host]),
    workspaces: new Set([stranger.workspaceId]),
  }
  t.same(await banSet(), expected)
  t.same(await activeBans(db), expected)
  t.same(
    bans.map(({ body }) => body.workspaceId),
    [null, null, stranger.workspaceId, stranger.workspaceId],
  )
  await lift(bans[0]?.body.id ?? "")
  t.same((await banSet())?.hosts, new Set(["xn--fiqs8s.example"]))
  await liftAll()
  t.same(await banSet(), { hosts: new Set(), domains: new Set(), workspaces: new Set() })
  await expectNoDrift(t, publisher)
})

t.test("a ban tells who banned what, when and why, and who lifted it, for good", async (t) => {
  const begun = Date.now()
  const { body: made } = await ban("host", "audited.example")
  const between = (time: string | null) =>
    Date.parse(time ?? "") >= begun && Date.parse(time ?? "") <= Date.now()
  t.match(made, { reason: "诈骗", byOperator: true, createdBy: operatorKey, liftedBy: null, liftedAt: null })
  t.ok(between(made.createdAt))
  const second = await newKey(["operator"])
  await lift(made.id, as(second))
  const lifted = (await call<Ban>("GET", `/v1/bans/${made.id}`)).body
  t.same({ ...lifted, liftedAt: null }, { ...made, liftedBy: await keyId(second) })
  t.ok(between(lifted.liftedAt))
  expectProblem(t, await lift(made.id), 409, "already_lifted")
  t.equal((await ban("host", "audited.example")).status, 201, "it can be banned again")
  const all = await readAll<Ban>(call, "/v1/bans?limit=1&kind=host&value=audited.example")
  t.equal(all.length, 2)
  t.same(all[1], lifted, "newest first, the lifted one as it was")
  const active = await readAll<Ban>(call, "/v1/bans?value=audited.example&active=true")
  t.same(active, [all[0]])
  t.same(await readAll<Ban>(call, "/v1/bans?value=audited.example&active=false"), [lifted])
})

t.test("every ban and every lift that was done is a line in the log, with the key", async (t) => {
  const lines: { msg: string; key: string; ban: string; value: string; reason: string }[] = []
  const log = pino({ level: "info" }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const env = { DATABASE_URL: admin.databaseUrl, REDIS_URL: admin.redis.url, PUBLISH_WAIT_MS: "0" }
  const app = await buildApp(parseConfig(env), log)
  t.teardown(() => app.close())
  const { body } = await ban("host", "logged.example", caller(app, admin.key))
  expectProblem(t, await asProblem(caller(app, admin.key), "host", "logged.example"), 409, "already_banned")
  await lift(body.id, caller(app, admin.key))
  const told = lines.filter(({ ban }) => ban !== undefined)
  t.same(
    told.map(({ msg, key, ban, value, reason }) => [msg, key, ban, value, reason]),
    ["banned", "lifted a ban"].map((msg) => [msg, operatorKey, body.id, "logged.example", "诈骗"]),
  )
})

t.test("of two equal bans at the same time one is made, and the other is told so", async (t) => {
  const link = await admin.newLink()
  for (const [kind, value] of [
    ["link", link.id],
    ["host", "twice.example"],
    ["domain", HOST],
    ["workspace", workspaceId],
  ] as const) {
    const answers = await Promise.all([asProblem(call, kind, value), asProblem(call, kind, value)])
    const refused = answers.filter(({ status }) => status !== 201)
    t.equal(refused.length, 1, kind)
    for (const answer of refused) expectProblem(t, answer, 409, "already_banned")
    expectProblem(t, await asProblem(call, kind, value), 409, "already_banned")
  }
  t.equal((await readAll<Ban>(call, "/v1/bans?active=true&value=twice.example")).length, 1)
  await liftAll()
})

t.test("of two lifts at the same time one does it, and neither is a 5xx", async (t) => {
  const link = await admin.newLink()
  for (const made of [await ban("host", "lifted.example"), await ban("link", link.id)]) {
    const answers = await Promise.all([lift(made.body.id), lift(made.body.id, as(admin.key))])
    t.same(answers.map(({ status }) => status).sort(), [204, 409])
  }
})

t.test("bans and lifts of one link at the same time leave it as the last ban says", async (t) => {
  const link = await admin.newLink({ code: "contended" })
  for (let round = 0; round < 5; round++) {
    const { body } = await ban("link", link.id)
    const answers = await Promise.all([lift(body.id), asProblem(call, "link", link.id)])
    t.ok(answers.every(({ status }) => [201, 204, 409].includes(status)))
    const active = await readAll<Ban>(call, `/v1/bans?value=${link.id}&active=true`)
    t.equal(await isBannedAtEdge("contended"), active.length === 1)
    for (const { id } of active) await lift(id)
  }
})

t.test("a workspace's admin bans its own links and nothing else", async (t) => {
  const [own, foreign] = [
    await admin.newLink(),
    await stranger.call<Link>("POST", "/v1/links", { url: "https://a.example/" }),
  ]
  for (const [kind, value] of [
    ["host", "a.example"],
    ["domain", HOST],
    ["workspace", workspaceId],
  ] as const) {
    expectProblem(t, await asProblem(ours, kind, value), 403, "missing_scope")
  }
  expectProblem(t, await asProblem(ours, "link", foreign.body.id), 404, "not_found")
  expectProblem(t, await asProblem(ours, "link", `${stranger.host}/${foreign.body.code}`), 404, "not_found")
  expectProblem(t, await asProblem(reader, "link", own.id), 403, "missing_scope")
  t.equal((await ban("link", own.id, ours)).status, 201)
  await liftAll()
})

t.test("the operator bans links of any workspace, and only the operator lifts that", async (t) => {
  const { body: foreign } = await stranger.call<Link>("POST", "/v1/links", {
    url: "https://a.example/",
    externalId: "e",
  })
  expectProblem(t, await asProblem(call, "link", "ext_e"), 404, "not_found")
  const { body: made } = await ban("link", `${stranger.host}/${foreign.code}`)
  t.match(made, { value: foreign.id, workspaceId: stranger.workspaceId, byOperator: true })
  t.equal(await isBannedAtEdge(foreign.code, stranger.host), true)
  expectProblem(t, await lift(made.id, stranger.call), 403, "missing_scope")
  expectProblem(t, await lift(made.id, ours), 404, "not_found")
  t.equal((await lift(made.id)).status, 204)
  const again = (await ban("link", foreign.id, stranger.call)).body
  t.equal((await lift(again.id, call)).status, 204, "the operator lifts everyone's")
})

t.test("a workspace cannot keep its link from the operator's ban by banning it first", async (t) => {
  const link = await admin.newLink({ code: "first" })
  const { body: own } = await ban("link", link.id, ours)
  const { body: theirs, status } = await ban("link", link.id)
  t.equal(status, 201)
  t.match((await call<Ban>("GET", `/v1/bans/${own.id}`)).body, { liftedBy: operatorKey })
  expectProblem(t, await lift(own.id, ours), 409, "already_lifted")
  expectProblem(t, await lift(theirs.id, ours), 403, "missing_scope")
  t.equal(await isBannedAtEdge("first"), true)
  await liftAll()
})

t.test("a workspace sees the bans of itself, its domains and links, and the operator all", async (t) => {
  const link = await admin.newLink()
  await ban("host", "hidden.example")
  await ban("domain", stranger.host)
  await ban("link", link.id)
  const see = async (by: Call) => {
    const { body } = await by<PageBody<Ban>>("GET", "/v1/bans?active=true")
    return body.data.map(({ kind }) => kind)
  }
  t.same(await see(call), ["link", "domain", "host"])
  t.same(await see(reader), ["link"])
  t.same(await see(stranger.call), ["domain"])
  const [hidden] = await readAll<Ban>(call, "/v1/bans?active=true&kind=host")
  expectProblem(t, await reader("GET", `/v1/bans/${hidden?.id}`), 404, "not_found")
  await liftAll()
})

t.test("the ban of a deleted link is lifted without touching whoever has the code now", async (t) => {
  const link = await admin.newLink({ code: "gone" })
  const { body: made } = await ban("link", link.id, ours)
  await call("DELETE", `/v1/links/${link.id}`)
  expectProblem(t, await asProblem(ours, "link", link.id), 404, "not_found")
  t.equal((await lift(made.id, ours)).status, 204)
  t.equal((await readLink(publisher, linkKey(HOST, "gone")))?.record, null)
  await expectNoDrift(t, publisher)
})

t.test("the same Idempotency-Key bans once", async (t) => {
  const body = { kind: "host", value: "once.example", reason: "x" }
  const headers = { "idempotency-key": "ban-1" }
  const first = await call<Ban>("POST", "/v1/bans", body, headers)
  const second = await call<Ban>("POST", "/v1/bans", body, headers)
  t.same([second.status, second.text], [201, first.text])
  t.equal((await readAll(call, "/v1/bans?value=once.example")).length, 1)
  await liftAll()
})

t.test("what does not exist cannot be banned, nor an own host as a target", async (t) => {
  for (const [kind, value] of [
    ["link", "lnk_nothing"],
    ["link", "nowhere.example/x"],
    ["domain", "nowhere.example"],
    ["workspace", "ws_nothing"],
  ] as const) {
    expectProblem(t, await asProblem(call, kind, value), 404, "not_found")
  }
  await call("POST", "/v1/domains", { host: "main.example.com", aliases: ["alias.example.com"] })
  for (const host of ["main.example.com", "alias.example.com"]) {
    t.same(faults(expectProblem(t, await asProblem(call, "host", host), 422, "invalid_input")), [
      "/value own_host",
    ])
  }
  expectProblem(t, await asProblem(call, "domain", "alias.example.com"), 404, "not_found")
})

t.test("a host that could never match, or a whole top-level domain, is refused", async (t) => {
  for (const host of ["*.evil.example", "a..example", "com", "localhost", "x.example."]) {
    const problem = expectProblem(t, await asProblem(call, "host", host), 422, "invalid_input")
    t.same([...new Set(faults(problem))], ["/value bad_host"], host)
  }
  for (const host of ["192.0.2.7", "[2001:db8::7]", "xn--bcher-kva.example"]) {
    t.equal((await ban("host", host)).status, 201, host)
  }
  await liftAll()
})

t.test("everything wrong with a ban is named at once", async (t) => {
  const wrong = await call("POST", "/v1/bans", { kind: "host", value: "Evil.EXAMPLE", reason: " ", more: 1 })
  t.same(faults(expectProblem(t, wrong, 422, "invalid_input")), [
    ...["/more unknown_field", "/reason blank", "/value bad_host"],
  ])
  const unknown = await call("POST", "/v1/bans", { kind: "person", value: "x", reason: "x" })
  t.same(faults(expectProblem(t, unknown, 422, "invalid_input")), ["/kind invalid_union"])
  const query = await call("GET", "/v1/bans?kind=person&active=maybe&limit=0&more=1")
  t.same(faults(expectProblem(t, query, 422, "invalid_input")), [
    ...["/active invalid_value", "/kind invalid_value", "/limit too_small", "/more unknown_field"],
  ])
})

t.test("the ban set is bounded, also for those who come at the same time", async (t) => {
  await liftAll()
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => asProblem(call, "host", `many${i}.example`)),
  )
  const refused = answers.filter(({ status }) => status !== 201)
  t.equal(refused.length, 4)
  for (const answer of refused) expectProblem(t, answer, 409, "too_many_bans")
  t.equal((await banSet())?.hosts.size, 6)
  const link = await admin.newLink()
  t.equal((await ban("link", link.id)).status, 201, "links are not in the set")
  const [first] = await readAll<Ban>(call, "/v1/bans?active=true&kind=host")
  await lift(first?.id ?? "")
  t.equal((await ban("host", "room.example")).status, 201)
})

t.test("a link that the operator banned does not come back by being deleted", async (t) => {
  const link = await admin.newLink({ code: "phoenix" })
  const { body: made } = await ban("link", link.id)
  t.equal((await call("DELETE", `/v1/links/${link.id}`)).status, 204)
  const body = { url: "https://example.com/", code: "phoenix", reuse: true }
  expectProblem(t, await call("POST", "/v1/links", body), 409, "code_banned")
  t.equal((await lift(made.id)).status, 204)
  t.equal((await call("POST", "/v1/links", body)).status, 201)
})

t.test("neither does it by another spelling of its code, in any script", async (t) => {
  const domain = "folding.example.com"
  await call("POST", "/v1/domains", { host: domain, caseSensitive: false })
  const spellings = [
    ["SpRing", "sPrING"],
    ["ÄB", "äb"],
    ["äß", "Äß"],
    ["ΣΩ", "σω"],
    ["Привет", "ПРИВЕТ"],
    ["İx", "i\u0307x"],
    ["春A", "春a"],
  ] as const
  for (const [code, other] of spellings) {
    const link = await admin.newLink({ domain, code })
    const { body: made } = await ban("link", link.id)
    await call("DELETE", `/v1/links/${link.id}`)
    const body = { url: "https://example.com/", domain, code: other, reuse: true }
    expectProblem(t, await call("POST", "/v1/links", body), 409, "code_banned")
    t.equal((await lift(made.id)).status, 204)
    t.equal((await call("POST", "/v1/links", body)).status, 201, other)
  }
  const link = await admin.newLink({ code: "ÄB" })
  await ban("link", link.id)
  await call("DELETE", `/v1/links/${link.id}`)
  await admin.newLink({ code: "äb" })
  t.pass("where case tells codes apart, the other one is another link's")
  const again = { url: "https://example.com/", code: "ÄB", reuse: true }
  expectProblem(t, await call("POST", "/v1/links", again), 409, "code_banned")
})
