import { CAP_USED, capKey, domainKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import t from "tap"
import { waitFor } from "../../test/support/wait.ts"
import { newId } from "../src/ids.ts"
import { createDomain } from "../src/repositories/domains.ts"
import { storeReports } from "../src/repositories/reports.ts"
import { settle } from "../src/repositories/upkeep/erasing.ts"
import { foldMonths } from "../src/repositories/upkeep/months.ts"
import { buryWorkspace, removeLinks, removeWorkspace } from "../src/repositories/upkeep/workspace-removal.ts"
import { eraseNext } from "../src/upkeep/erasing.ts"
import { type Call, expectProblem, startAdmin } from "./support/admin.ts"
import { drained, seal, send, startIngest, visit } from "./support/ingest.ts"
import { publishAll, publisherOf, readLink } from "./support/publisher.ts"
import { redisClient } from "./support/redis.ts"
import { ask, connect, DAY_MS, startUpkeep } from "./support/upkeep.ts"

type Erasure = { id: string; kind: string; subjectId: string; requestedAt: string; finishedAt: string | null }
type Tag = { id: string; name: string }

const admin = await startAdmin(t)
const { call, newLink, databaseUrl } = admin
const redis = redisClient(t, admin.redis.url)
const client = await connect(t, databaseUrl)
startIngest(t, { databaseUrl, redisUrl: admin.redis.url })

let sequence = 0
const ingested = async (...visits: ReturnType<typeof visit>[]) => {
  await send(redis, seal(visits, { sequence: sequence++ }))
  await drained(redis)
}

/** Every row anywhere that names one of these: a link, a tag, a workspace. */
async function rowsOf(...ids: string[]): Promise<Record<string, number>> {
  const tables = {
    ...{
      visits: "link_id",
      guide_tokens: "link_id",
      link_totals: "link_id",
      links: "id",
      tags: "id",
      workspaces: "id",
    },
    ...{
      quarter_rollups: "scope_id",
      day_rollups: "scope_id",
      month_rollups: "scope_id",
      domains: "workspace_id",
      visitor_salts: "workspace_id",
    },
    ...{
      api_keys: "workspace_id",
      rule_sets: "workspace_id",
      reports: "workspace_id",
      orphan_visits: "workspace_id",
    },
  }
  const found: Record<string, number> = {}
  for (const [table, column] of Object.entries(tables)) {
    const [row] = await ask<{ n: number }>(
      client,
      `select count(*)::int as n from ${table} where ${column} = any($1)`,
      [ids],
    )
    if (row !== undefined && row.n > 0) found[table] = row.n
  }
  return found
}

async function erased(id: string): Promise<Erasure> {
  while (await eraseNext(client, Date.now));
  return (await call<Erasure>("GET", `/v1/erasures/${id}`)).body
}

/** Visits of a link by what they are, with a guide page that was shown and brought somebody back. */
const someVisits = (linkId: string, more = {}) => [
  visit(linkId, more),
  visit(linkId, { ...more, automated: true }),
  visit(linkId, { ...more, synthetic: true }),
  visit(linkId, { ...more, outcome: "guide", guideToken: "0".repeat(16) }),
]

const sumOf = async (scopeId: string) =>
  (
    await ask<{ visits: number }>(
      client,
      "select coalesce(sum(visits), 0)::int as visits from visit_quarters where scope_id = $1 and family = 'language'",
      [scopeId],
    )
  )[0]?.visits

t.test("erasing a link's clicks leaves nothing that names them, and what others counted", async (t) => {
  const link = await newLink({ tags: ["kept"] })
  const other = await newLink({ tags: ["kept"] })
  const tag = (await call<{ data: Tag[] }>("GET", "/v1/tags")).body.data.find(({ name }) => name === "kept")
  await ingested(...someVisits(link.id), ...someVisits(other.id))
  await foldMonths(client, Date.now() + 60 * DAY_MS)
  await ingested(...someVisits(link.id), ...someVisits(other.id))
  t.match(await rowsOf(link.id), { visits: 8, month_rollups: 1 })
  const before = await rowsOf(other.id)
  const accepted = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  t.equal(accepted.status, 202)
  t.match(accepted.body, { kind: "link", subjectId: link.id, finishedAt: null })
  t.equal(accepted.headers.location, `/v1/erasures/${accepted.body.id}`)
  t.match(await erased(accepted.body.id), { id: accepted.body.id, finishedAt: /^20/ })
  t.same(await rowsOf(link.id), { links: 1 })
  t.same(await rowsOf(other.id), before, "another link keeps all")
  for (const scope of [tag?.id ?? "", admin.workspaceId]) t.equal(await sumOf(scope), 12, "sums stay")
  const named = await ask<{ value: string; visits: string }>(
    client,
    "select value, sum(visits)::int as visits from visit_days where scope_id = $1 and family = 'link' group by 1 order by 1",
    [admin.workspaceId],
  )
  t.same(named, [
    { value: "(other)", visits: 6 },
    { value: other.id, visits: 6 },
  ])
  t.match((await call<Link>("GET", `/v1/links/${link.id}`)).body, {
    clicks: 0,
    visits: { total: 0, automated: 0 },
  })
})

t.test("clicks from before an erasure are never stored again, and those from after it are", async (t) => {
  const link = await newLink()
  const asked = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  await ingested(visit(link.id))
  t.same(await rowsOf(link.id), { links: 1 }, "while it goes on nothing is kept")
  const { finishedAt } = await erased(asked.body.id)
  const finishedMs = Date.parse(finishedAt ?? "")
  await ingested(visit(link.id, { atMs: finishedMs - 1 }), visit(link.id, { atMs: finishedMs }))
  const rows = await ask<{ at: Date }>(client, "select at from visits where link_id = $1", [link.id])
  t.same(
    rows.map(({ at }) => at.getTime()),
    [finishedMs],
  )
  t.equal(await sumOf(link.id), 1)
  const accounts = await ask(
    client,
    "select sum(stored)::int as stored, max(accepted)::int as accepted from edge_instances",
  )
  t.ok(Number(accounts[0]?.stored) >= 11, "they count as stored")
})

t.test("a link whose maxClicks were used up leads on once its clicks are erased", async (t) => {
  const publisher = await publisherOf(t, admin)
  const link = await newLink({ maxClicks: 2 })
  await publishAll(publisher)
  const used = () => redis.hget(capKey(link.id), CAP_USED)
  await redis.hincrby(capKey(link.id), CAP_USED, 2)
  await ingested(visit(link.id), visit(link.id))
  const asked = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  await publishAll(publisher)
  t.equal(await used(), "2", "not before")
  await erased(asked.body.id)
  await publishAll(publisher)
  t.equal(await used(), "0")
  t.match((await call<Link>("GET", `/v1/links/${link.id}`)).body, { clicks: 0, status: "active" })
})

t.test("a deleted link's clicks can be erased by its id, another workspace's cannot", async (t) => {
  const other = await admin.newWorkspace("erasure.example")
  const link = await newLink({ externalId: "gone" })
  await ingested(visit(link.id))
  await call("DELETE", `/v1/links/${link.id}`)
  expectProblem(t, await other.call("DELETE", `/v1/links/${link.id}/clicks`), 404, "not_found")
  expectProblem(t, await call("DELETE", "/v1/links/ext_gone/clicks"), 404, "not_found")
  expectProblem(t, await call("DELETE", `/v1/links/${newId("lnk")}/clicks`), 404, "not_found")
  const asked = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  expectProblem(t, await other.call("GET", `/v1/erasures/${asked.body.id}`), 404, "not_found")
  await erased(asked.body.id)
  t.same(await rowsOf(link.id), { links: 1 })
})

t.test("asking again while it goes on is one erasure, afterwards another", async (t) => {
  const link = await newLink()
  const path = `/v1/links/${link.id}/clicks`
  const ids = (await Promise.all([1, 2, 3].map(() => call<Erasure>("DELETE", path)))).map(
    ({ body }) => body.id,
  )
  t.equal(new Set(ids).size, 1)
  await erased(ids[0] ?? "")
  t.not((await call<Erasure>("DELETE", path)).body.id, ids[0])
  while (await eraseNext(client, Date.now));
})

t.test("what ingest has under way when an erasure is asked for is erased, too", async (t) => {
  const link = await newLink()
  // An ingest that has read that nothing is erased, and is slow to write.
  const slow = await connect(t, databaseUrl)
  await slow.query("begin")
  await slow.query("select pg_current_xact_id()")
  const asked = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  const erasing = erased(asked.body.id)
  const early = await ask(client, "select finished_at from erasures where id = $1", [asked.body.id])
  t.same(early, [{ finished_at: null }])
  await slow.query(
    `insert into visits (at, link_id, outcome, automated, platform, os, device, browser, language, referrer)
     values (now(), $1, 'redirect', false, '', '', '', '', '', '')`,
    [link.id],
  )
  await slow.query(
    "insert into quarter_rollups values (date_bin('15 minutes', now(), 'epoch'), $1, 'language', 'de', '1', '0', '1')",
    [link.id],
  )
  await slow.query("commit")
  t.match(await erasing, { finishedAt: /^20/ })
  t.same(await rowsOf(link.id), { links: 1 })
})

t.test("an erasure that is killed between its steps is finished by the next", async (t) => {
  const link = await newLink()
  await ingested(...someVisits(link.id))
  const [victim, blocker] = await Promise.all([connect(t, databaseUrl), connect(t, databaseUrl)])
  await blocker.query("begin")
  // A transaction that writes nothing is not waited for at the beginning.
  await blocker.query("lock table link_totals in share mode")
  const [{ pid } = { pid: 0 }] = await ask<{ pid: number }>(victim, "select pg_backend_pid() as pid")
  const asked = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  const killed = t.rejects(eraseNext(victim, Date.now))
  await waitFor("it to be in the middle", async () => {
    const rows = await ask(
      client,
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'",
      [pid],
    )
    return rows.length > 0
  })
  t.notOk((await rowsOf(link.id)).visits, "visits are gone already")
  await client.query("select pg_terminate_backend($1)", [pid])
  await killed
  await blocker.query("rollback")
  t.ok((await rowsOf(link.id)).link_totals)
  t.match(await erased(asked.body.id), { finishedAt: /^20/ })
  t.same(await rowsOf(link.id), { links: 1 })
})

t.test("many visits go in steps, in every partition", async (t) => {
  const link = await newLink()
  await client.query(
    `insert into visits (at, link_id, outcome, automated, platform, os, device, browser, language, referrer)
     select now() - (i % 3) * interval '1 day', $1, 'redirect', false, '', '', '', '', '', '' from generate_series(1, 125000) i`,
    [link.id],
  )
  const asked = await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)
  await erased(asked.body.id)
  t.same(await rowsOf(link.id), { links: 1 })
})

t.test("deleting a tag removes what was counted by it, and nothing else", async (t) => {
  const link = await newLink({ tags: ["brief", "other"] })
  await ingested(...someVisits(link.id))
  const tags = (await call<{ data: Tag[] }>("GET", "/v1/tags")).body.data
  const idOf = (name: string) => tags.find((tag) => tag.name === name)?.id ?? ""
  const before = await rowsOf(link.id, idOf("other"))
  t.ok((await rowsOf(idOf("brief"))).quarter_rollups)
  t.equal((await call("DELETE", `/v1/tags/${idOf("brief")}`)).status, 204)
  await eraseNext(client, Date.now)
  t.same(await rowsOf(idOf("brief")), {})
  t.same(await rowsOf(link.id, idOf("other")), before)
})

t.test("a workspace with something in it is deleted only on purpose, and one's own never", async (t) => {
  const other = await admin.newWorkspace("full.example")
  const path = `/v1/workspaces/${other.workspaceId}`
  expectProblem(t, await other.call("DELETE", path), 403, "missing_scope")
  expectProblem(t, await call("DELETE", path), 409, "workspace_not_empty")
  expectProblem(t, await call("DELETE", `${path}?everything=false`), 409, "workspace_not_empty")
  expectProblem(t, await call("DELETE", `${path}?everything=maybe`), 422, "invalid_input")
  expectProblem(
    t,
    await call("DELETE", `${path}?everything=true`, undefined, { "if-match": '"9"' }),
    412,
    "version_mismatch",
  )
  expectProblem(
    t,
    await call("DELETE", `/v1/workspaces/${admin.workspaceId}?everything=true`),
    409,
    "own_workspace",
  )
  t.equal((await other.call("GET", path)).status, 200)
  const empty = (await call<{ id: string }>("POST", "/v1/workspaces", { name: "empty" })).body
  t.equal((await call("DELETE", `/v1/workspaces/${empty.id}`)).status, 202)
  expectProblem(t, await call("GET", `/v1/workspaces/${empty.id}`), 404, "not_found")
  while (await eraseNext(client, Date.now));
  t.same(await rowsOf(empty.id), {})
})

t.test(
  "a deleted workspace is gone at once for its keys, then everywhere, and its codes answer 410",
  async (t) => {
    const publisher = await publisherOf(t, admin)
    const other = await admin.newWorkspace("leaving.example")
    const make = async (call: Call, settings: object) =>
      (await call<Link>("POST", "/v1/links", { url: "https://shop.example.com/", ...settings })).body
    const links = [
      await make(other.call, { code: "first", tags: ["a"], maxClicks: 3 }),
      await make(other.call, { code: "second", tags: ["a", "b"] }),
    ]
    await other.call("DELETE", `/v1/links/${links[0]?.id}`)
    const rules = [{ name: "r", when: {}, then: { guide: true } }]
    await other.call("POST", "/v1/rule-sets", { name: "shared", rules })
    const stays = await newLink({ tags: ["a"] })
    for (const { id } of [...links, stays]) await ingested(...someVisits(id))
    await client.query(
      "insert into orphan_visits values ($1, current_date, 'leaving.example', '/x', 1, now())",
      [other.workspaceId],
    )
    const scopes = await ask<{ id: string }>(
      client,
      `select id from tags where workspace_id = $1 union all select id from domains where workspace_id = $1`,
      [other.workspaceId],
    )
    const ids = [other.workspaceId, ...links.map(({ id }) => id), ...scopes.map(({ id }) => id)]
    const before = await rowsOf(admin.workspaceId, stays.id)

    const asked = await call<Erasure>("DELETE", `/v1/workspaces/${other.workspaceId}?everything=true`)
    t.equal(asked.status, 202)
    expectProblem(t, await other.call("GET", "/v1/links"), 401, "unknown_key")
    await ingested(...someVisits(links[1]?.id ?? ""))
    t.match(await erased(asked.body.id), {
      kind: "workspace",
      subjectId: other.workspaceId,
      finishedAt: /^20/,
    })
    t.same(await rowsOf(...ids), {})
    t.same(await rowsOf(admin.workspaceId, stays.id), before, "another workspace keeps all")

    await ingested(...someVisits(links[1]?.id ?? ""))
    t.same(await rowsOf(...ids), {}, "late visits are theirs, and not kept")
    const report = { edgeId: "late", linkId: links[1]?.id ?? "", host: "leaving.example", code: "second" }
    const told = { reason: "spam", details: "", language: "", network: "", reportedAt: new Date() }
    t.equal(await storeReports(admin.db, [{ ...report, ...told }]), 0, "nor are late reports")
    const keys = await ask<{ key: string; subject_id: string | null }>(
      client,
      "select key, subject_id from publications where key like '%leaving.example%' order by key",
    )
    t.same(
      keys.map(({ subject_id }) => subject_id),
      [null, null, null],
    )
    await publishAll(publisher)
    const [domain, ...codes] = keys.map(({ key }) => key)
    for (const key of codes) t.same((await readLink(publisher, key))?.record, null, "a tombstone")
    t.match(await publisher.redis.get(domain ?? ""), /^\d+\.\d+\.$/)
  },
)

t.test("a domain that is made while its workspace goes is gone everywhere as well", async (t) => {
  const { workspaceId } = await admin.newWorkspace("early.example")
  await buryWorkspace(client, workspaceId)
  // By a request that was let in before.
  const late = { workspaceId, host: "late.example", aliases: [], origin: "https://late.example" }
  const urls = { caseSensitive: true, rootUrl: null, notFoundUrl: null }
  await admin.db.transaction().execute((trx) => createDomain(trx, newId("dom"), { ...late, ...urls }))
  await removeLinks(client, workspaceId, Date.now())
  await removeWorkspace(client, workspaceId)
  t.same(await rowsOf(workspaceId), {})
  const keys = [domainKey("early.example"), domainKey(late.host)]
  t.same(await ask(client, "select subject_id from publications where key = any($1)", [keys]), [
    { subject_id: null },
    { subject_id: null },
  ])
})

t.test(
  "a transaction that is under way is waited for, though none came after it, and not for ever",
  async (t) => {
    const slow = await connect(t, databaseUrl)
    await slow.query("begin")
    await slow.query("select pg_current_xact_id()")
    await t.rejects(settle(client, 100), { message: /does not end/ })
    await slow.query("rollback")
    await settle(client)
  },
)

t.test("an upkeep erases within seconds of being asked", async (t) => {
  const upkeep = startUpkeep(t, databaseUrl)
  const link = await newLink()
  await ingested(visit(link.id))
  await waitFor("the first upkeep", () => upkeep.metrics.upkeeps > 0)
  const { id } = (await call<Erasure>("DELETE", `/v1/links/${link.id}/clicks`)).body
  await waitFor(
    "it to be erased",
    async () => (await call<Erasure>("GET", `/v1/erasures/${id}`)).body.finishedAt !== null,
  )
  t.same(await rowsOf(link.id), { links: 1 })
})
