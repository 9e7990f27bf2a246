import { clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import { sql } from "kysely"
import pg from "pg"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import type { Db } from "../src/db/connect.ts"
import { expectProblem, type PageBody, readAll, startAdmin } from "./support/admin.ts"
import { drained, expectCounts, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

type Letter = {
  id: string
  partition: number
  at: string
  reason: string
  sizeBytes: number
  batch: { instance: string; sequence: number; sealedAt: string; visits: number; orphans: number } | null
}
type Opened = Letter & { visits: { link: string; decision: string }[]; raw: string | null }

type Account = {
  instance: string
  balanced: boolean
  visits: { accepted: number; stored: number; deadLettered: number; expired: number; waiting: object }
  batches: { delivered: number; unique: number; duplicates: number; deadLettered: number; missing: number }
}

async function setUp(t: Test) {
  await server.flush()
  const admin = await startAdmin(t, { redis: server })
  const redis = redisClient(t, server.url)
  const { id: link } = await admin.newLink()
  const stores = { databaseUrl: admin.databaseUrl, redisUrl: server.url }
  const letters = () => readAll<Letter>(admin.call, "/v1/dead-letters?limit=1")
  const accounts = async () =>
    (await admin.call<{ data: Account[] }>("GET", "/v1/stats/accounting")).body.data
  return { admin, db: admin.db, redis, link, stores, letters, accounts }
}

/** From now on Postgres refuses visits in this language, until the returned function is called. */
async function refuse(db: Db, language: string): Promise<() => Promise<unknown>> {
  await sql`alter table visits add constraint refused check (language <> ${sql.lit(language)})`.execute(db)
  return () => sql`alter table visits drop constraint refused`.execute(db)
}

/** There is one, under a new id. */
const isAnother = ([letter]: Letter[], former: Letter | undefined): boolean =>
  letter !== undefined && letter.id !== former?.id

const poison = (link: string, count: number) =>
  Array.from({ length: count }, () => visit(link, { language: "xx" }))

t.test(
  "a batch that was refused can be looked at, requeued and is stored once; the accounting balances",
  async (t) => {
    const { admin, db, redis, link, stores, letters, accounts } = await setUp(t)
    const allow = await refuse(db, "xx")
    startIngest(t, stores)
    await send(redis, seal([visit(link)], { sequence: 0 }))
    const counters = { accepted: 4, spilled: 0, dropped: 0 }
    const refused = seal(poison(link, 3), { sequence: 1, counters })
    await send(redis, refused)
    await drained(redis)

    const [letter] = await letters()
    const id = letter?.id ?? ""
    t.match(letter, {
      ...{ id: /^0-\d+-\d+$/, partition: 0, reason: /constraint/, sizeBytes: Buffer.byteLength(refused) },
      batch: { instance: "edge-1", sequence: 1, visits: 3, orphans: 0 },
    })
    const opened = await admin.call<Opened>("GET", `/v1/dead-letters/${id}`)
    t.match(opened.body, { ...letter, raw: null, visits: [{ link, decision: "redirect", language: "xx" }] })
    t.equal(opened.body.visits.length, 3)
    t.notMatch(opened.text, "203.0.113.77", "without addresses")
    const [before] = await accounts()
    t.match(before, {
      balanced: true,
      visits: { accepted: 4, stored: 1, deadLettered: 3, waiting: { spilled: 0, inFlight: 0 } },
      batches: { delivered: 2, unique: 1, duplicates: 0, deadLettered: 1, missing: 0 },
    })

    await allow()
    t.equal((await admin.call("POST", `/v1/dead-letters/${id}/requeue`)).status, 204)
    await drained(redis)
    await expectCounts(t, db, { visits: 4 })
    t.same(await letters(), [])
    const [after] = await accounts()
    t.match(after, {
      balanced: true,
      visits: { accepted: 4, stored: 4, deadLettered: 0, waiting: { spilled: 0, inFlight: 0 } },
      batches: { delivered: 2, unique: 2, duplicates: 0, deadLettered: 0, missing: 0 },
    })
    expectProblem(t, await admin.call("POST", `/v1/dead-letters/${id}/requeue`), 404, "not_found")
  },
)

t.test("a letter that is requeued many times at once is stored once", async (t) => {
  const { admin, db, redis, link, stores, letters, accounts } = await setUp(t)
  const allow = await refuse(db, "xx")
  startIngest(t, stores)
  await send(redis, seal(poison(link, 2), { sequence: 0 }))
  await drained(redis)
  const [letter] = await letters()
  await allow()
  const requeue = () => admin.call("POST", `/v1/dead-letters/${letter?.id}/requeue`)
  const answers = await Promise.all(Array.from({ length: 6 }, requeue))
  t.ok(answers.every(({ status }) => status === 204 || status === 404))
  await drained(redis)
  await expectCounts(t, db, { visits: 2 })
  t.match(await accounts(), [{ balanced: true, visits: { accepted: 2, stored: 2, deadLettered: 0 } }])
  t.same(await letters(), [])
})

t.test("a batch that still cannot be stored comes back, and counts once", async (t) => {
  const { admin, db, redis, link, stores, letters, accounts } = await setUp(t)
  await refuse(db, "xx")
  startIngest(t, stores)
  await send(redis, seal(poison(link, 2), { sequence: 0 }))
  await drained(redis)
  const [first] = await letters()
  await admin.call("POST", `/v1/dead-letters/${first?.id}/requeue`)
  await waitFor("the letter to come back", async () => isAnother(await letters(), first))
  t.equal((await letters()).length, 1)
  t.match(await accounts(), [{ balanced: true, visits: { accepted: 2, stored: 0, deadLettered: 2 } }])
})

t.test("requeueing does all or nothing when Redis goes away in the middle", async (t) => {
  await server.flush()
  const proxy = await startProxy(t, server.port)
  const led = { ...server, url: proxy.through(server.url) }
  const admin = await startAdmin(t, { redis: led })
  const redis = redisClient(t, server.url)
  const { id: link } = await admin.newLink()
  const allow = await refuse(admin.db, "xx")
  startIngest(t, { databaseUrl: admin.databaseUrl, redisUrl: server.url })
  await send(redis, seal(poison(link, 2), { sequence: 0 }))
  await drained(redis)
  await allow()
  const [letter] = await readAll<Letter>(admin.call, "/v1/dead-letters")
  const requeue = () => admin.call("POST", `/v1/dead-letters/${letter?.id}/requeue`)
  const blocker = new pg.Client(admin.databaseUrl)
  await blocker.connect()
  t.teardown(() => blocker.end())
  await blocker.query("begin")
  await blocker.query("select from dead_letters for update")
  const failing = requeue()
  await waitFor("it to be in its transaction", async () => {
    const { rowCount } = await blocker.query("select from pg_locks where not granted")
    return rowCount
  })
  proxy.pause()
  await blocker.query("rollback")
  expectProblem(t, await failing, 503, "redis_unavailable")
  const { rows } = await sql<{ dead_lettered: number }>`select dead_lettered from edge_instances`.execute(
    admin.db,
  )
  t.match(rows, [{ deadLettered: 2 }], "it counts as before")
  proxy.cut()
  proxy.resume()
  await waitFor("it to be requeued", async () => (await requeue()).status === 204)
  await drained(redis)
  await expectCounts(t, admin.db, { visits: 2 })
})

t.test("what is no batch can be looked at and requeued as well", async (t) => {
  const { admin, redis, stores, letters } = await setUp(t)
  startIngest(t, stores)
  await send(redis, "{broken")
  await drained(redis)
  const [letter] = await letters()
  t.match(letter, { batch: null, reason: /./ })
  const opened = await admin.call<Opened>("GET", `/v1/dead-letters/${letter?.id}`)
  t.match(opened.body, { raw: "{broken", visits: [] })
  t.equal((await admin.call("POST", `/v1/dead-letters/${letter?.id}/requeue`)).status, 204)
  await waitFor("it to come back", async () => isAnother(await letters(), letter))
})

t.test("a batch of visits at times that no date has can be looked at", async (t) => {
  const { admin, redis, link, letters } = await setUp(t)
  const visits = [0, 8.7e15, -8.7e15].map((atMs) => visit(link, { atMs }))
  await redis.xadd(deadLetterKey(0), "*", "b", seal(visits), "reason", "test", "entry", "1-1")
  const [letter] = await letters()
  const opened = await admin.call<Opened>("GET", `/v1/dead-letters/${letter?.id}`)
  t.match(opened.body.visits, [
    { at: "1970-01-01T00:00:00.000Z" },
    { at: "+275760-09-13T00:00:00.000Z" },
    { at: "-271821-04-20T00:00:00.000Z" },
  ])
})

t.test("a letter that is given up is gone, and its visits stay dead-lettered", async (t) => {
  const { admin, db, redis, link, stores, letters, accounts } = await setUp(t)
  await refuse(db, "xx")
  startIngest(t, stores)
  await send(redis, seal(poison(link, 2), { sequence: 0 }))
  await drained(redis)
  const [letter] = await letters()
  t.equal((await admin.call("DELETE", `/v1/dead-letters/${letter?.id}`)).status, 204)
  t.same(await letters(), [])
  expectProblem(t, await admin.call("GET", `/v1/dead-letters/${letter?.id}`), 404, "not_found")
  t.match(await accounts(), [{ balanced: true, visits: { accepted: 2, stored: 0, deadLettered: 2 } }])
})

t.test("a letter goes when its time is over, and its visits stay dead-lettered", async (t) => {
  const { db, redis, link, stores, letters, accounts } = await setUp(t)
  await refuse(db, "xx")
  const atMs = Date.now()
  const startLater = (days: number) =>
    startIngest(t, stores, { now: () => atMs + days * DAY_MS, deadLettersMs: 90 * DAY_MS })
  await send(redis, seal(poison(link, 2), { sequence: 0 }))
  const first = startLater(0)
  await drained(redis)
  await first.stop()
  await send(redis, "{broken")
  const second = startLater(89)
  await drained(redis)
  await second.stop()
  t.equal((await letters()).length, 2)
  startLater(91)
  await waitFor("both to be gone", async () => (await letters()).length === 0)
  t.match(await accounts(), [{ balanced: true, visits: { accepted: 2, stored: 0, deadLettered: 2 } }])
})

t.test("a batch from before the horizon is not requeued, as it would be lost", async (t) => {
  const { admin, redis, link, letters } = await setUp(t)
  const old = seal([visit(link)], { sealedAtMs: Date.now() - 73 * HOUR_MS })
  await redis.xadd(deadLetterKey(0), "*", "b", old, "reason", "test", "entry", "1-1")
  const [letter] = await letters()
  const answer = await admin.call("POST", `/v1/dead-letters/${letter?.id}/requeue`)
  expectProblem(t, answer, 409, "past_horizon")
  t.equal(await redis.xlen(clickStreamKey(0)), 0)
  t.equal((await letters()).length, 1)
})

t.test("letters are listed over all partitions, page by page", async (t) => {
  const { admin, redis, link } = await setUp(t)
  for (let i = 0; i < 12; i++) {
    const sealed = seal([visit(link)], { sequence: i })
    await redis.xadd(deadLetterKey(i % 4), "*", "b", sealed, "reason", "test", "entry", "1-1")
  }
  for (const limit of [1, 3, 5, 100]) {
    const letters = await readAll<Letter>(admin.call, `/v1/dead-letters?limit=${limit}`)
    t.same(
      letters.map(({ partition, batch }) => [partition, batch?.sequence]),
      [
        ...[
          [0, 0],
          [0, 4],
          [0, 8],
          [1, 1],
          [1, 5],
          [1, 9],
        ],
        ...[
          [2, 2],
          [2, 6],
          [2, 10],
          [3, 3],
          [3, 7],
          [3, 11],
        ],
      ],
    )
  }
})

t.test("dead letters are for operators, and need Redis", async (t) => {
  const { admin } = await setUp(t)
  const call = admin.as(await admin.newKey(["admin"]))
  expectProblem(t, await call("GET", "/v1/dead-letters"), 403, "missing_scope")
  expectProblem(t, await call("POST", "/v1/dead-letters/0-1-1/requeue"), 403, "missing_scope")
  for (const id of ["0-1-1", "x", "99-1-1", "0-1", "0-1-1-1"])
    expectProblem(t, await admin.call("GET", `/v1/dead-letters/${id}`), 404, "not_found")
  expectProblem(t, await admin.call("GET", "/v1/dead-letters?cursor=x"), 422, "invalid_input")
  await server.kill()
  const answer = await admin.call<PageBody<Letter>>("GET", "/v1/dead-letters")
  t.match(answer, { status: 503, body: { code: "redis_unavailable" }, headers: { "retry-after": /^\d+$/ } })
  await server.restart()
})
