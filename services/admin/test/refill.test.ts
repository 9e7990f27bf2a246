import { BUCKETS, CHANGES_CHANNEL, linkKey, markerKey, refillKey } from "@qiao/core/keys.ts"
import { encodeLink } from "@qiao/core/record.ts"
import type { Redis } from "ioredis"
import pg from "pg"
import t, { type Test } from "tap"
import { PLAIN_LINK } from "../../../packages/core/test/support/link.ts"
import { root } from "../../../scripts/lib/services.ts"
import { startChild } from "../../test/support/child.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { findDrift, repairDrift } from "../src/publishing/drift.ts"
import { mend } from "../src/publishing/publishing.ts"
import { refill } from "../src/publishing/refill.ts"
import { raiseEpoch, readEpoch } from "../src/repositories/publications.ts"
import { HOST, startAdmin } from "./support/admin.ts"
import {
  expectNoDrift,
  NO_DRIFT,
  publishAll,
  publisherOf,
  quiet,
  readLink,
  runPublisher,
} from "./support/publisher.ts"
import { redisClient } from "./support/redis.ts"
import { seedLinks } from "./support/seed.ts"

const redis = await startRedis(t, { appendOnly: false })
/** Epochs begin at the seconds since 1970. */
const LATER = 40_000_000_000
const ALL_BUCKETS = Array.from({ length: BUCKETS }, (_, bucket) => bucket)

async function setUp(t: Test, links = 0) {
  await redis.flush()
  const admin = await startAdmin(t, { redis })
  const publisher = await publisherOf(t, admin)
  const seeded = await seedLinks(admin, links)
  const fill = (redis: Redis = publisher.redis) => refill({ db: admin.db, redis, log: quiet })
  return { admin, publisher, seeded, fill }
}

/** The epochs that the markers of all buckets say, once each. */
async function markers(redis: Redis) {
  return [...new Set(await redis.mget(...ALL_BUCKETS.map(markerKey)))]
}

/** The same connection, with one command led through `via`. */
function instead<T extends "scan" | "completeBucket">(
  redis: Redis,
  command: T,
  via: () => Promise<void>,
): Redis {
  return Object.create(redis, {
    [command]: {
      value: async (...args: unknown[]) => {
        await via()
        return Reflect.apply(redis[command], redis, args)
      },
    },
  })
}

t.test("an empty Redis is filled, and its markers come last", async (t) => {
  const { admin, publisher, fill } = await setUp(t, 2_500)
  const monitor = await redisClient(t, redis.url).monitor()
  t.teardown(() => monitor.disconnect())
  const writes: string[] = []
  monitor.on("monitor", (_time: string, [name = "", key = ""]: string[], source: string) => {
    if (source === "lua" && /^(set|del)$/i.test(name)) writes.push(key)
  })
  t.equal(await fill(), true)
  await waitFor(
    "the last command to be seen",
    () => writes.filter((key) => key.endsWith("complete")).length === BUCKETS,
  )
  const firstMarker = writes.findIndex((key) => key.endsWith("complete"))
  const lastRecord = writes.findLastIndex((key) => /\}[ld]:/.test(key))
  t.ok(lastRecord >= 2_500, "all records were written")
  t.ok(
    writes.slice(firstMarker).every((key) => /complete$|refill$/.test(key)),
    "none after the first marker",
  )
  t.same(await markers(publisher.redis), [String(await readEpoch(admin.db))])
  t.equal(await publisher.redis.exists(...ALL_BUCKETS.map(refillKey)), 0)
  await expectNoDrift(t, publisher)
})

t.test("a Redis that is flushed in the middle of a refill is never called complete", async (t) => {
  const { publisher, fill } = await setUp(t, 300)
  const flush = async () => void (await publisher.redis.flushall())
  await t.rejects(fill(instead(publisher.redis, "scan", flush)), /was lost/)
  t.same(await markers(publisher.redis), [null])
  let isFirst = true
  const flushOnce = async () => {
    if (isFirst) await flush()
    isFirst = false
  }
  await t.rejects(fill(instead(publisher.redis, "completeBucket", flushOnce)), /was lost/)
  t.same(await markers(publisher.redis), [null])
  await mend(publisher)
  t.equal((await markers(publisher.redis)).length, 1)
  await expectNoDrift(t, publisher)
})

t.test(
  "a Redis whose connection broke during a refill is filled once more before it is called complete",
  async (t) => {
    const { admin, seeded } = await setUp(t, 300)
    const proxy = await startProxy(t, redis.port)
    const publisher = await publisherOf(t, admin, { redisUrl: proxy.through(redis.url) })
    let isFirst = true
    // A Redis that comes back without its last second, but with the sign that it is being filled.
    const fail = async () => {
      if (!isFirst) return
      isFirst = false
      await publisher.redis.del(...seeded.keys.slice(-20))
      proxy.cut()
      await waitFor("the connection to end", () => publisher.redis.status !== "ready")
      await waitFor("the connection to come back", () => publisher.redis.status === "ready")
    }
    await t.rejects(
      refill({ ...publisher, redis: instead(publisher.redis, "scan", fail) }),
      /connection to Redis was lost/,
    )
    t.same(await markers(publisher.redis), [null])
    await mend(publisher)
    await expectNoDrift(t, publisher)
    t.equal((await markers(publisher.redis)).length, 1)
  },
)

t.test("links may be made and changed during a refill", async (t) => {
  const { admin, publisher, seeded, fill } = await setUp(t, 1_500)
  runPublisher(t, await publisherOf(t, admin), admin.databaseUrl, 20)
  const write = async (writer: number) => {
    for (let i = 0; i < 25; i++) {
      const id = seeded.ids[(writer * 311 + i * 37) % seeded.ids.length]
      await admin.call("PATCH", `/v1/links/${id}`, { url: `https://a.example/${writer}/${i}` })
      const { id: made } = await admin.newLink()
      if (i % 3 === 0) await admin.call("DELETE", `/v1/links/${made}`)
    }
  }
  const [isFilled] = await Promise.all([fill(), write(0), write(1), write(2)])
  t.equal(isFilled, true)
  t.equal(await fill(), true, "and another time")
  await waitFor("nothing to differ", async () => {
    const { compared: _, ...drift } = await findDrift(admin.db, publisher.redis)
    return Object.values(drift).every((keys) => keys.length === 0)
  })
  t.same(await markers(publisher.redis), [String(await readEpoch(admin.db))])
})

t.test("only one refill is at work at a time", async (t) => {
  const { admin, publisher, fill } = await setUp(t, 100)
  let second: boolean | undefined
  const whileFilling = async () => {
    second ??= await refill({ db: admin.db, redis: publisher.redis, log: quiet })
  }
  t.equal(await fill(instead(publisher.redis, "scan", whileFilling)), true)
  t.equal(second, false)
  t.equal(await fill(), true, "the lock is free again")
})

t.test(
  "mend fills what is empty, half lost or of another epoch, and leaves alone what is whole",
  async (t) => {
    const { admin, publisher } = await setUp(t, 100)
    const mends = async () => {
      const before = publisher.metrics.refills
      await mend(publisher)
      return publisher.metrics.refills - before
    }
    t.equal(await mends(), 1, "never filled")
    t.equal(await mends(), 0, "whole")
    await publisher.redis.flushall()
    t.equal(await mends(), 1, "flushed")
    await publisher.redis.del(markerKey(17))
    t.equal(await mends(), 1, "one bucket lost")
    await raiseEpoch(admin.db, 0)
    t.equal(await mends(), 1, "of an older epoch")
    t.equal(await mends(), 0)
    await expectNoDrift(t, publisher)
  },
)

t.test(
  "an older Postgres that is restored beside a newer Redis wins, and what it does not know is gone",
  async (t) => {
    await redis.flush()
    const first = await startAdmin(t, { redis })
    const changed = await first.newLink({ code: "changed", url: "https://a.example/old" })
    const deleted = await first.newLink({ code: "deleted" })
    const backup = await backUp(t, first.databaseUrl, () => first.app.close())

    const later = await startAdmin(t, { redis, databaseUrl: first.databaseUrl })
    const laterPublisher = await publisherOf(t, later)
    for (let i = 0; i < 4; i++) await refill(laterPublisher)
    await later.call("PATCH", `/v1/links/${changed.id}`, { url: "https://a.example/new" })
    await later.call("PATCH", `/v1/links/${changed.id}`, { maxClicks: 5 })
    await later.call("DELETE", `/v1/links/${deleted.id}`)
    await later.newLink({ code: "unknown" })
    await publishAll(laterPublisher)

    const restored = await startAdmin(t, { redis, databaseUrl: backup })
    const publisher = await publisherOf(t, restored)
    const subscriber = redisClient(t, redis.url)
    await subscriber.subscribe(CHANGES_CHANNEL)
    const heard = new Set<string>()
    subscriber.on("message", (_channel, message: string) => heard.add(message))
    await mend(publisher)

    const epoch = await readEpoch(restored.db)
    t.ok(epoch > 4, "its epoch is above all that Redis held")
    t.match(await readLink(publisher, linkKey(HOST, "changed")), {
      epoch,
      record: { url: "https://a.example/old", maxClicks: null },
    })
    t.match(await readLink(publisher, linkKey(HOST, "deleted")), { epoch, record: { id: deleted.id } })
    t.equal(await readLink(publisher, linkKey(HOST, "unknown")), null)
    await expectNoDrift(t, publisher)
    await waitFor("the edges to be told", () => heard.has(`${linkKey(HOST, "unknown")} ${epoch}.0`))
    t.ok([...heard].some((message) => message.startsWith(`${linkKey(HOST, "changed")} ${epoch}.`)))

    await restored.call("PATCH", `/v1/links/${changed.id}`, { url: "https://a.example/on" })
    await publishAll(publisher)
    t.match(await readLink(publisher, linkKey(HOST, "changed")), {
      epoch,
      record: { url: "https://a.example/on" },
    })
  },
)

t.test("a refill that meets a record of a later epoch begins a later one", async (t) => {
  const { admin, publisher, seeded, fill } = await setUp(t, 10)
  const key = seeded.keys[4] ?? ""
  await publisher.redis.set(key, encodeLink({ epoch: LATER, revision: 1 }, PLAIN_LINK))
  await t.rejects(fill(), new RegExp(`later epoch ${LATER}`))
  t.same(await markers(publisher.redis), [null])
  t.equal(await fill(), true)
  t.ok((await readEpoch(admin.db)) > LATER)
  await expectNoDrift(t, publisher)
})

t.test("drift of every kind is found, and repaired where Postgres is the newer one", async (t) => {
  const { admin, publisher, seeded, fill } = await setUp(t, 30)
  await fill()
  const epoch = await readEpoch(admin.db)
  const [missing = "", old = "", other = "", garbage = "", newer = ""] = seeded.keys
  const leftOver = linkKey(HOST, "left-over")
  await publisher.redis.del(missing)
  await publisher.redis.set(old, encodeLink({ epoch: epoch - 1, revision: 1 }, PLAIN_LINK))
  await publisher.redis.set(other, encodeLink({ epoch, revision: 1 }, PLAIN_LINK))
  await publisher.redis.set(garbage, "garbage")
  await publisher.redis.set(newer, encodeLink({ epoch, revision: 2 }, PLAIN_LINK))
  await publisher.redis.set(leftOver, encodeLink({ epoch, revision: 1 }, PLAIN_LINK))
  const drift = await findDrift(admin.db, publisher.redis)
  t.same(
    { ...drift, stale: drift.stale.sort() },
    {
      ...NO_DRIFT,
      ...{ compared: 32, missing: [missing], newer: [newer], leftOver: [leftOver] },
      stale: [old, other, garbage].sort(),
    },
  )
  await repairDrift(admin.db, publisher.redis, drift)
  await publishAll(publisher)
  t.same(await findDrift(admin.db, publisher.redis), { ...NO_DRIFT, compared: 32, newer: [newer] })
  await fill()
  await expectNoDrift(t, publisher)
})

t.test("a left-over record whose code is taken during the repair is not lost", async (t) => {
  const { admin, publisher, fill } = await setUp(t)
  await fill()
  const key = linkKey(HOST, "retaken")
  await publisher.redis.set(key, encodeLink({ epoch: await readEpoch(admin.db), revision: 1 }, PLAIN_LINK))
  const drift = await findDrift(admin.db, publisher.redis)
  t.same(drift.leftOver, [key])
  const link = await admin.newLink({ code: "retaken" })
  await publishAll(publisher)
  await repairDrift(admin.db, publisher.redis, drift)
  await publishAll(publisher)
  t.equal((await readLink(publisher, key))?.record?.id, link.id)
})

t.test("rebuild-redis says by its exit code whether Redis is right", async (t) => {
  const { admin, publisher, seeded, fill } = await setUp(t, 5)
  const run = (...args: string[]) => rebuildRedis(t, admin.databaseUrl, redis.url, args)
  t.match(await run("--check"), { code: 1, output: /missing: 7/ })
  t.match(await run(), { code: 0 })
  await publisher.redis.del(seeded.keys[0] ?? "")
  t.match(await run("--repair"), { code: 0, output: /missing: 1/ })
  await publishAll(publisher)
  t.match(await run("--check"), { code: 0, output: /compared 7 records/ })
  const epoch = await readEpoch(admin.db)
  await publisher.redis.set(seeded.keys[1] ?? "", encodeLink({ epoch, revision: 99 }, PLAIN_LINK))
  t.match(await run("--repair"), { code: 1, output: /newer: 1/ })
  await fill()
  await expectNoDrift(t, publisher)
  t.match(await run("--nonsense"), { code: 1, output: /usage: rebuild-redis/ })
})

/** A copy of a database nobody is connected to. */
async function backUp(t: Test, databaseUrl: string, disconnect: () => Promise<unknown>): Promise<string> {
  await disconnect()
  const name = new URL(databaseUrl).pathname.slice(1)
  const query = async (text: string) => {
    const client = new pg.Client(process.env.DATABASE_URL)
    await client.connect()
    await client.query(text)
    await client.end()
  }
  await query(`create database ${name}_backup template ${name}`)
  t.teardown(() => query(`drop database ${name}_backup with (force)`))
  const url = new URL(databaseUrl)
  url.pathname = `/${name}_backup`
  return url.href
}

async function rebuildRedis(t: Test, databaseUrl: string, redisUrl: string, args: string[]) {
  const env = { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }
  const child = startChild(process.execPath, [`${root}/services/admin/src/rebuild-redis.ts`, ...args], {
    env,
  })
  t.teardown(() => child.stop("SIGKILL"))
  await waitFor("rebuild-redis to end", () => child.hasEnded, { timeoutMs: 20_000 })
  return { code: await child.stop(), output: child.output() }
}
