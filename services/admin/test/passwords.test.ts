import { linkKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { verifyPassword } from "@qiao/core/password.ts"
import { sql } from "kysely"
import { pino } from "pino"
import t from "tap"
import { buildApp } from "../src/app.ts"
import { parseConfig } from "../src/config.ts"
import { createPasswordHasher } from "../src/passwords.ts"
import type { Problem } from "../src/problem.ts"
import { caller, expectProblem, faults, HOST, startAdmin } from "./support/admin.ts"
import { publishAll, publisherOf, readLink } from "./support/publisher.ts"

const admin = await startAdmin(t)
const { call, db, newLink } = admin
const publisher = await publisherOf(t, admin)
const URL_A = "https://shop.example.com/a"
const SECRET = "correct horse 电池"

const stored = (id: string) =>
  db
    .selectFrom("links")
    .select(["passwordHash", "passwordVersion"])
    .where("id", "=", id)
    .executeTakeFirstOrThrow()

async function publishedPassword({ code }: Link) {
  await publishAll(publisher)
  return (await readLink(publisher, linkKey(HOST, code)))?.record?.password
}

t.test("a link's password reaches the edge as a hash, with a version that every change raises", async (t) => {
  const link = await newLink({ password: SECRET })
  t.equal(link.hasPassword, true)
  const first = await publishedPassword(link)
  t.match(first?.hash, /^\$scrypt\$/)
  t.ok(await verifyPassword(SECRET, first?.hash ?? ""))
  const path = `/v1/links/${link.id}`

  t.match((await call("PATCH", path, { title: "x" })).body, { hasPassword: true })
  t.same(await publishedPassword(link), first, "a change of something else leaves it")

  t.match((await call("PATCH", path, { password: "second" })).body, { hasPassword: true })
  const second = await publishedPassword(link)
  t.ok(await verifyPassword("second", second?.hash ?? ""))
  t.ok((second?.version ?? 0) > (first?.version ?? 0))

  t.match((await call("PATCH", path, { password: "second" })).body, { version: 4 })
  const again = await publishedPassword(link)
  t.not(again?.hash, second?.hash, "a salt of its own each time")
  t.ok((again?.version ?? 0) > (second?.version ?? 0))

  t.match((await call("PATCH", path, { password: null })).body, { hasPassword: false })
  t.equal(await publishedPassword(link), null)
  await call("PATCH", path, { password: "third" })
  const third = await publishedPassword(link)
  t.ok((third?.version ?? 0) > (again?.version ?? 0), "also past a time without one")
})

t.test("a replacement without a password takes it away", async (t) => {
  const body = { externalId: "replaced", url: URL_A }
  const made = await call<Link>("PUT", "/v1/links", { ...body, password: SECRET })
  t.match(made, { status: 201, body: { hasPassword: true } })
  const other = await call<Link>("PUT", "/v1/links", { ...body, password: "other" })
  t.match(other, { status: 200, body: { hasPassword: true } })
  t.ok(await verifyPassword("other", (await stored(made.body.id)).passwordHash ?? ""))
  t.match(await call<Link>("PUT", "/v1/links", body), { status: 200, body: { hasPassword: false } })
  t.equal((await stored(made.body.id)).passwordHash, null)
})

t.test("a link without a password has none", async (t) => {
  const link = await newLink({ password: null })
  t.equal(link.hasPassword, false)
  t.equal(await publishedPassword(link), null)
})

t.test(
  "a replay gives the first answer and changes nothing; another password is another request",
  async (t) => {
    const key = { "idempotency-key": "password" }
    const create = (password: string) => call<Link>("POST", "/v1/links", { url: URL_A, password }, key)
    const first = await create(SECRET)
    const made = await stored(first.body.id)
    const replayed = await create(SECRET)
    t.equal(replayed.text, first.text)
    t.same(await stored(first.body.id), made, "the hash of the first attempt stays")
    const other = await call("POST", "/v1/links", { url: URL_A, password: "another" }, key)
    expectProblem(t, other, 422, "idempotency_key_reused")

    const path = `/v1/links/${first.body.id}`
    const change = () => call<Link>("PATCH", path, { password: "changed" }, { "idempotency-key": "change" })
    t.equal((await change()).status, 200)
    const changed = await stored(first.body.id)
    t.equal((await change()).headers["idempotency-replayed"], "true")
    t.same(await stored(first.body.id), changed)
  },
)

t.test("neither password nor hash is in an answer, a log or what is kept of a request", async (t) => {
  const lines: string[] = []
  const log = pino({ level: "trace" }, { write: (line: string) => lines.push(line) })
  const env = { DATABASE_URL: admin.databaseUrl, REDIS_URL: admin.redis.url, PUBLISH_WAIT_MS: "0" }
  const app = await buildApp(parseConfig(env), log)
  t.teardown(() => app.close())
  const logged = caller(app, admin.key)
  const body = { url: URL_A, code: "quiet", externalId: "quiet", password: SECRET }
  const once = (key: string) => ({ "idempotency-key": key })
  const answers = [
    await logged("POST", "/v1/links", body, once("quiet-1")),
    await logged("POST", "/v1/links", body),
    await logged("PATCH", `/v1/links/${HOST}%2Fquiet`, { password: SECRET }, once("quiet-2")),
    await logged("PUT", "/v1/links", body, once("quiet-3")),
    await logged("GET", "/v1/links/ext_quiet"),
    await logged("GET", "/v1/links?search=quiet"),
    await logged("POST", "/v1/links/ext_quiet/explain", {}),
    await logged("POST", "/v1/rules/explain", { link: body, visit: {} }),
    await logged("POST", "/v1/links", { ...body, password: `${SECRET}\u0000` }),
    await logged("POST", "/v1/links", { ...body, password: SECRET.repeat(20) }),
    await logged("POST", "/v1/links", `{"url": "${URL_A}", "password": "${SECRET}"`),
  ]
  t.same(
    answers.map(({ status }) => status),
    [201, 409, 200, 200, 200, 200, 200, 200, 422, 422, 400],
  )
  const kept = await sql`select * from idempotency_keys`.execute(db)
  t.ok(lines.length > 0)
  for (const text of [...answers.map((answer) => answer.text), JSON.stringify(kept.rows), ...lines]) {
    t.notMatch(text, SECRET, text.slice(0, 80))
    t.notMatch(text, "$scrypt$")
  }
})

t.test("a password that is none is refused", async (t) => {
  const link = await newLink()
  for (const password of ["", " ", "x".repeat(201), "a\nb", "a\ud800", 5, true, ["x"]]) {
    const body = { password }
    const answers = [
      await call("POST", "/v1/links", { url: URL_A, ...body }),
      await call("PATCH", `/v1/links/${link.id}`, body),
      await call("PUT", "/v1/links", { externalId: "none", url: URL_A, ...body }),
    ]
    for (const answer of answers) {
      const pointers = faults(expectProblem(t, answer, 422, "invalid_input")).map(
        (fault) => fault.split(" ")[0],
      )
      t.same([...new Set(pointers)], ["/password"])
    }
  }
  t.match(await stored(link.id), { passwordHash: null, passwordVersion: 0 })
})

t.test("so many hashes are computed at a time, so many wait, and whoever comes then gets 503", async (t) => {
  const hash = createPasswordHasher({ runningMax: 2, waitingMax: 3 })
  const results = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => hash(`password ${i}`)))
  t.same(
    results.map(({ status }) => status),
    [...Array(5).fill("fulfilled"), ...Array(3).fill("rejected")],
    "the first come are served",
  )
  for (const [i, result] of results.entries()) {
    if (result.status === "fulfilled") t.ok(await verifyPassword(`password ${i}`, result.value))
    else
      t.match(result.reason, {
        status: 503,
        code: "busy",
        headers: { "retry-after": "1" },
      } as Partial<Problem>)
  }
  t.ok(await verifyPassword("later", await hash("later")), "and then there is room again")
})
