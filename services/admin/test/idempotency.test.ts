import type { Link } from "@qiao/core/link.ts"
import { sql } from "kysely"
import t from "tap"
import { waitFor } from "../../test/support/wait.ts"
import { connectClient } from "../src/db/connect.ts"
import { forgetAttempts } from "../src/repositories/idempotency.ts"
import { expectProblem, startAdmin } from "./support/admin.ts"

const admin = await startAdmin(t)
const { call, db } = admin
const URL_A = "https://shop.example.com/a"
const withKey = (key: string) => ({ "idempotency-key": key })
const create = (key: string, body: object = { url: URL_A }) =>
  call<Link>("POST", "/v1/links", body, withKey(key))

async function countLinks() {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from links`.execute(db)
  return rows[0]?.count ?? 0
}

t.test("200 parallel creates with one Idempotency-Key give one link and 200 equal answers", async (t) => {
  const before = await countLinks()
  const answers = await Promise.all(Array.from({ length: 200 }, () => create("two-hundred")))
  t.equal(await countLinks(), before + 1)
  t.same(new Set(answers.map(({ status }) => status)), new Set([201]))
  t.equal(new Set(answers.map(({ text }) => text)).size, 1)
  for (const name of ["location", "etag", "content-type"] as const) {
    t.equal(new Set(answers.map(({ headers }) => headers[name])).size, 1, name)
  }
  t.equal(answers.filter(({ headers }) => headers["idempotency-replayed"] === undefined).length, 1)
})

t.test("the first answer comes again even when the link has changed or is gone since", async (t) => {
  const first = await create("again", { url: URL_A, code: "again" })
  await call("PATCH", `/v1/links/${first.body.id}`, { title: "changed" })
  t.same((await create("again", { url: URL_A, code: "again" })).text, first.text)
  await call("DELETE", `/v1/links/${first.body.id}`)
  t.same((await create("again", { code: "again", url: URL_A })).text, first.text, "in any order of fields")
})

t.test("the same key with another body, or on another link, is 422", async (t) => {
  const { body } = await create("other")
  expectProblem(
    t,
    await call("POST", "/v1/links", { url: `${URL_A}b` }, withKey("other")),
    422,
    "idempotency_key_reused",
  )
  const other = await admin.newLink()
  const patch = (id: string) => call("PATCH", `/v1/links/${id}`, { title: "x" }, withKey("patch"))
  t.equal((await patch(body.id)).status, 200)
  t.match((await patch(body.id)).headers, { "idempotency-replayed": "true" })
  expectProblem(t, await patch(other.id), 422, "idempotency_key_reused")
  t.equal((await call<Link>("GET", `/v1/links/${body.id}`)).body.version, 2, "changed once")
})

t.test("a key counts for its route and its workspace alone", async (t) => {
  const stranger = await admin.newWorkspace("theirs.example.com")
  const ours = await create("mine")
  const theirs = await stranger.call<Link>("POST", "/v1/links", { url: URL_A }, withKey("mine"))
  t.equal(theirs.status, 201)
  t.not(theirs.body.id, ours.body.id)
  t.equal((await call("POST", "/v1/tags", { name: "mine" }, withKey("mine"))).status, 201)
})

t.test("a write that fails frees its key", async (t) => {
  const taken = await create("first", { url: URL_A, code: "taken" })
  const refused = await call("POST", "/v1/links", { url: URL_A, code: "taken" }, withKey("freed"))
  expectProblem(t, refused, 409, "code_taken")
  t.equal((await create("freed", { url: URL_A, code: "free" })).status, 201)
  expectProblem(t, await call("PATCH", "/v1/links/lnk_none", {}, withKey("freed")), 404, "not_found")
  const stale = { ...withKey("stale"), "if-match": '"9"' }
  const path = `/v1/links/${taken.body.id}`
  expectProblem(t, await call("PATCH", path, { title: "x" }, stale), 412, "version_mismatch")
  t.equal((await call("PATCH", path, { title: "x" }, withKey("stale"))).status, 200)
})

t.test("an answer is kept for 24 hours and then forgotten", async (t) => {
  const first = await create("old")
  const age = (interval: string) =>
    sql`update idempotency_keys set created_at = now() - ${interval}::interval where key = 'old'`.execute(db)
  await age("23 hours 59 minutes")
  await forgetAttempts(db)
  t.equal((await create("old")).body.id, first.body.id)
  await age("24 hours 1 second")
  const second = await create("old")
  t.not(second.body.id, first.body.id, "even before it was cleaned away")
  t.equal((await create("old")).body.id, second.body.id, "the new answer is kept in its turn")
  await age("25 hours")
  await forgetAttempts(db)
  const rows = await db.selectFrom("idempotencyKeys").select("key").where("key", "=", "old").execute()
  t.equal(rows.length, 0)
})

t.test("a second attempt waits for the first: it gets its answer, or its place when it fails", async (t) => {
  const client = await connectClient(admin.databaseUrl, () => undefined)
  t.teardown(() => client.end())
  const blocked = async () => {
    // Asked outside of the transaction, in which the list of connections would stand still.
    const { rows } = await sql`select 1 from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database()`.execute(db)
    return rows.length
  }
  const link = await admin.newLink({ externalId: "locked" })
  const patch = (headers: Record<string, string>) =>
    call<Link>("PATCH", `/v1/links/${link.id}`, { title: "x" }, headers)

  await client.query("begin")
  await client.query("select 1 from links where id = $1 for update", [link.id])
  const first = patch(withKey("waits"))
  await waitFor("the first attempt to wait for the link", async () => (await blocked()) === 1)
  const second = patch(withKey("waits"))
  await waitFor("the second attempt to wait for the first", async () => (await blocked()) === 2)
  await client.query("commit")
  const answers = await Promise.all([first, second])
  t.same(
    answers.map(({ status }) => status),
    [200, 200],
  )
  t.equal(answers[0].text, answers[1].text)
  t.equal(answers[1].headers["idempotency-replayed"], "true")
  t.equal(answers[1].body.version, 2)

  await client.query("begin")
  await client.query("select 1 from links where id = $1 for update", [link.id])
  const failing = patch({ ...withKey("fails"), "if-match": '"1"' })
  await waitFor("the failing attempt to wait for the link", async () => (await blocked()) === 1)
  const heir = patch(withKey("fails"))
  await waitFor("its heir to wait", async () => (await blocked()) === 2)
  await client.query("commit")
  t.equal((await failing).status, 412)
  t.match(await heir, { status: 200, body: { version: 3 } })
})

t.test("keys take none, as their answers hold a secret", async (t) => {
  const body = { name: "k", scopes: ["links:read"] }
  const before = await db.selectFrom("apiKeys").select("id").execute()
  const answer = await call("POST", "/v1/keys", body, withKey("secret"))
  expectProblem(t, answer, 422, "invalid_input")
  t.same(await db.selectFrom("apiKeys").select("id").execute(), before)
})
