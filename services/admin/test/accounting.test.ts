import { clickStreamKey, deadLetterKey } from "@qiao/core/keys.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import type { Db } from "../src/db/connect.ts"
import { type Admin, expectProblem, readAll, startAdmin } from "./support/admin.ts"
import { drained, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })
const MINUTE_MS = 60_000

type Terms = {
  visits: {
    accepted: number
    stored: number
    waiting: { spilled: number; inFlight: number }
    dropped: number
    deadLettered: number
    expired: number
    lost: number
  }
  batches: { delivered: number; unique: number; duplicates: number; deadLettered: number; missing: number }
}
type Account = Terms & {
  instance: string
  state: string
  balanced: boolean
  lastAt: string
  stoppedAt: string | null
}
type Accounting = {
  balanced: boolean
  totals: Terms & { instances: Record<string, number>; oldestAt: string | null; newestAt: string | null }
  streams: { partition: number; batches: number; oldestAt: string | null; deadLetters: number }[] | null
  data: Account[]
  nextCursor: string | null
}

async function setUp(t: Test) {
  await server.flush()
  const admin = await startAdmin(t, { redis: server })
  return { admin, db: admin.db, redis: redisClient(t, server.url) }
}

const read = async ({ call }: Admin, query = "") =>
  (await call<Accounting>("GET", `/v1/stats/accounting${query}`)).body

/** An instance of whose every batch Postgres knows. */
function addInstance(db: Db, instance: string, more: Record<string, unknown> = {}) {
  const visits = { accepted: 10, stored: 10, expired: 0, deadLettered: 0, dropped: 0, spilled: 0 }
  const batches = { batches: 5, deliveredBatches: 5, duplicateBatches: 0, lastSequence: 4 }
  const values = { instance, ...visits, ...batches, stoppedAt: null, lastAt: new Date(), ...more }
  return db
    .insertInto("edgeInstances")
    .values(values as never)
    .execute()
}

/** Both equations, by their terms. */
function expectEquations(t: Test, { visits, batches }: Terms, name: string): void {
  const { accepted, stored, waiting, dropped, deadLettered, expired, lost } = visits
  const { delivered, unique, duplicates } = batches
  t.equal(
    accepted,
    stored + waiting.spilled + waiting.inFlight + dropped + deadLettered + expired + lost,
    `visits of ${name}`,
  )
  t.equal(delivered, unique + duplicates + batches.deadLettered, `batches of ${name}`)
}

t.test("every term is told, of each instance and of all", async (t) => {
  const { admin, db } = await setUp(t)
  await addInstance(db, "a", {
    accepted: 100,
    stored: 60,
    expired: 5,
    dropped: 3,
    spilled: 12,
    lastSequence: 6,
  })
  await addInstance(db, "b", { batches: 5, deliveredBatches: 7, duplicateBatches: 2 })
  const accounting = await read(admin)
  const [b, a] = [...accounting.data].sort((x, y) => (x.instance < y.instance ? 1 : -1))
  t.match(a, {
    ...{ instance: "a", state: "running", balanced: true, stoppedAt: null },
    visits: { accepted: 100, stored: 60, waiting: { spilled: 12, inFlight: 20 }, dropped: 3, expired: 5 },
    batches: { delivered: 5, unique: 5, duplicates: 0, deadLettered: 0, missing: 2 },
  })
  t.match(b, { visits: { waiting: { spilled: 0, inFlight: 0 } }, batches: { duplicates: 2 } })
  t.match(accounting.totals, {
    visits: { accepted: 110, stored: 70, waiting: { spilled: 12, inFlight: 20 }, dropped: 3, expired: 5 },
    batches: { delivered: 12, unique: 10, duplicates: 2, missing: 2 },
    instances: { running: 2, stopped: 0, vanished: 0, unbalanced: 0 },
  })
  t.equal(accounting.balanced, true)
  for (const each of accounting.data) expectEquations(t, each, each.instance)
  expectEquations(t, accounting.totals, "all")
})

t.test("what was spilled and came since waits no longer", async (t) => {
  const { admin, db } = await setUp(t)
  await addInstance(db, "a", { accepted: 100, stored: 95, spilled: 40 })
  t.match((await read(admin)).data, [{ visits: { waiting: { spilled: 5, inFlight: 0 } } }])
})

t.test("an instance runs, has stopped, or vanished without a word", async (t) => {
  const { admin, db } = await setUp(t)
  const now = Date.now()
  const before = (minutes: number) => new Date(now - minutes * MINUTE_MS)
  await addInstance(db, "runs", { lastAt: before(4) })
  await addInstance(db, "vanished", { lastAt: before(6) })
  await addInstance(db, "stopped", { lastAt: before(60), stoppedAt: before(60) })
  const { data, totals } = await read(admin)
  const states = Object.fromEntries(data.map(({ instance, state }) => [instance, state]))
  t.same(states, { runs: "running", vanished: "vanished", stopped: "stopped" })
  t.match(totals.instances, { running: 1, stopped: 1, vanished: 1 })
  t.equal(totals.newestAt, before(4).toISOString())
  t.match((await read(admin, "?state=vanished")).data, [{ instance: "vanished" }])
  t.equal((await read(admin, "?state=vanished")).data.length, 1)
})

t.test("what does not add up is named", async (t) => {
  const { admin, db } = await setUp(t)
  await addInstance(db, "fine")
  await addInstance(db, "doubled", { stored: 11 })
  await addInstance(db, "lost", { stored: 9, stoppedAt: new Date() })
  await addInstance(db, "lost too", { stored: 9, lastAt: new Date(Date.now() - 6 * MINUTE_MS) })
  await addInstance(db, "miscounted", { deliveredBatches: 6 })
  await addInstance(db, "behind", { stored: 9, lastSequence: 5, stoppedAt: new Date() })
  const accounting = await read(admin)
  t.equal(accounting.balanced, false)
  t.equal(accounting.totals.instances.unbalanced, 4)
  const names = ({ data }: Accounting) => data.map(({ instance }) => instance).sort()
  t.same(names(await read(admin, "?balanced=false")), ["doubled", "lost", "lost too", "miscounted"])
  t.same(names(await read(admin, "?balanced=true")), ["behind", "fine"])
  const doubled = accounting.data.find(({ instance }) => instance === "doubled")
  t.match(doubled, { balanced: false, visits: { waiting: { spilled: 0, inFlight: -1 } } })
})

t.test("what is amiss is lost when not even the newest batch would be stored any more", async (t) => {
  const { admin, db } = await setUp(t)
  const before = (hours: number) => new Date(Date.now() - hours * 60 * MINUTE_MS)
  const behind = { accepted: 20, stored: 12, dropped: 1, spilled: 4, lastSequence: 6 }
  await addInstance(db, "waits", { ...behind, lastAt: before(73), stoppedAt: before(73) })
  await addInstance(db, "stopped", { ...behind, lastAt: before(75), stoppedAt: before(75) })
  await addInstance(db, "vanished", { ...behind, lastAt: before(75) })
  await addInstance(db, "came late", { ...behind, expired: 7, lastAt: before(75) })
  const { data, totals, balanced } = await read(admin)
  const of = (name: string) => data.find(({ instance }) => instance === name)
  t.match(of("waits"), { balanced: true, visits: { waiting: { spilled: 4, inFlight: 3 }, lost: 0 } })
  for (const name of ["stopped", "vanished"])
    t.match(of(name), { balanced: false, visits: { waiting: { spilled: 0, inFlight: 0 }, lost: 7 } })
  t.match(of("came late"), {
    balanced: true,
    visits: { waiting: { spilled: 0, inFlight: 0 }, expired: 7, lost: 0 },
  })
  t.match(totals, { visits: { lost: 14 }, instances: { unbalanced: 2 } })
  t.equal(balanced, false)
  for (const each of [...data, totals]) expectEquations(t, each, "each")
})

t.test("instances are paged, the newest first, and totals are of all", async (t) => {
  const { admin, db } = await setUp(t)
  for (let i = 0; i < 7; i++) await addInstance(db, `i${i}`)
  const listed = await readAll<Account>(admin.call, "/v1/stats/accounting?limit=2")
  t.same(
    listed.map(({ instance }) => instance),
    ["i6", "i5", "i4", "i3", "i2", "i1", "i0"],
  )
  t.equal((await read(admin, "?limit=2")).totals.visits.accepted, 70)
  expectProblem(t, await admin.call("GET", "/v1/stats/accounting?cursor=x"), 422, "invalid_input")
})

t.test("what waits in the streams is told, and null when Redis is away", async (t) => {
  const { admin, redis } = await setUp(t)
  const atMs = 1_790_000_000_000
  await redis.xadd(clickStreamKey(1), `${atMs}-0`, "b", "x")
  await redis.xadd(clickStreamKey(1), `${atMs + 5}-0`, "b", "y")
  await redis.xadd(deadLetterKey(2), "*", "b", "z")
  const none = { batches: 0, oldestAt: null, deadLetters: 0 }
  t.same((await read(admin)).streams, [
    { partition: 0, ...none },
    { partition: 1, batches: 2, oldestAt: new Date(atMs).toISOString(), deadLetters: 0 },
    { partition: 2, ...none, deadLetters: 1 },
    { partition: 3, ...none },
  ])
  await server.kill()
  const away = await read(admin)
  t.equal(away.streams, null)
  t.equal(away.balanced, true, "the rest is told all the same")
  await server.restart()
})

t.test(
  "the accounting of what an edge sent and ingest stored balances, copies and a gap included",
  async (t) => {
    const { admin, redis } = await setUp(t)
    const { id: link } = await admin.newLink()
    startIngest(t, { databaseUrl: admin.databaseUrl, redisUrl: server.url })
    const batch = (sequence: number, accepted: number, isFinal = false) => {
      const counters = { accepted, spilled: sequence === 3 ? 2 : 0, dropped: 1 }
      return seal([visit(link), visit(link)], { sequence, counters, isFinal })
    }
    // 2 lies in the spill.
    for (const sealed of [batch(0, 3), batch(1, 5), batch(1, 5), batch(3, 9)]) await send(redis, sealed)
    await drained(redis)
    const [before] = (await read(admin)).data
    t.match(before, {
      ...{ state: "running", balanced: true },
      visits: { accepted: 9, stored: 6, dropped: 1, waiting: { spilled: 2, inFlight: 0 } },
      batches: { delivered: 4, unique: 3, duplicates: 1, missing: 1 },
    })
    await send(redis, batch(2, 7))
    await send(redis, batch(4, 11, true))
    await drained(redis)
    const accounting = await read(admin)
    t.match(accounting.data, [
      {
        ...{ state: "stopped", balanced: true },
        visits: { accepted: 11, stored: 10, dropped: 1, waiting: { spilled: 0, inFlight: 0 } },
        batches: { delivered: 6, unique: 5, duplicates: 1, missing: 0 },
      },
    ])
    for (const each of [...accounting.data, accounting.totals]) expectEquations(t, each, "the run")
  },
)

t.test("accounting is for operators", async (t) => {
  const { admin } = await setUp(t)
  const call = admin.as(await admin.newKey(["admin"]))
  expectProblem(t, await call("GET", "/v1/stats/accounting"), 403, "missing_scope")
  expectProblem(t, await admin.call("GET", "/v1/stats/accounting?state=gone"), 422, "invalid_input")
})
