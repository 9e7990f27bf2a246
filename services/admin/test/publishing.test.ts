import { decodeBanSet } from "@qiao/core/ban-set.ts"
import { BANS_KEY, CHANGES_CHANNEL, domainKey, HEARTBEAT, linkKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { encodeLink } from "@qiao/core/record.ts"
import { versionOf } from "@qiao/core/versioned.ts"
import { sql } from "kysely"
import t, { type Test } from "tap"
import { PLAIN_DOMAIN } from "../../../packages/core/test/support/domain.ts"
import { PLAIN_LINK } from "../../../packages/core/test/support/link.ts"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { newId } from "../src/ids.ts"
import { beat, mend, publishDue } from "../src/publishing/publishing.ts"
import { putRecords } from "../src/publishing/redis-records.ts"
import { refill } from "../src/publishing/refill.ts"
import { claimKey, readEpoch } from "../src/repositories/publications.ts"
import { HOST, startAdmin } from "./support/admin.ts"
import {
  expectNoDrift,
  publishAll,
  publisherOf,
  quiet,
  readDomain,
  readLink,
  runPublisher,
} from "./support/publisher.ts"
import { redisClient } from "./support/redis.ts"
import { seedLinks } from "./support/seed.ts"

const redis = await startRedis(t, { appendOnly: false })

async function setUp(t: Test, env: Record<string, string> = {}) {
  await redis.flush()
  const admin = await startAdmin(t, { redis, env })
  return { admin, publisher: await publisherOf(t, admin) }
}

t.test("a link reaches Redis as it is created, changed, deleted and reused", async (t) => {
  const { admin, publisher } = await setUp(t)
  const key = linkKey(HOST, "春天")
  const link = await admin.newLink({
    ...{
      code: "春天",
      redirectStatus: 307,
      startsAt: "2030-01-01T00:00:00Z",
      expiresAt: "2031-01-01T00:00:00Z",
    },
    ...{
      expiredUrl: "https://b.example/",
      maxClicks: 7,
      capWhenUnavailable: "open",
      forwardQuery: false,
      forwardPath: true,
      enabled: false,
    },
    ...{ guidePlatforms: ["wechat"], allowPlatforms: ["wechat", "qq"] },
  })
  await publishAll(publisher)
  t.same(await readLink(publisher, key), {
    epoch: 0,
    revision: 1,
    record: {
      ...{ id: link.id, url: link.url, redirectStatus: 307, enabled: false, banned: false },
      ...{
        startsAt: Date.UTC(2030, 0),
        expiresAt: Date.UTC(2031, 0),
        expiredUrl: "https://b.example/",
        maxClicks: 7,
        capWhenUnavailable: "open",
      },
      ...{ forwardQuery: false, forwardPath: true, password: null, ruleSetId: null },
      ...{ guidePlatforms: new Set(["wechat"]), allowPlatforms: new Set(["wechat", "qq"]), rules: [] },
    },
  })
  await admin.call("PATCH", `/v1/links/${link.id}`, { enabled: true, url: "https://c.example/" })
  await publishAll(publisher)
  t.match(await readLink(publisher, key), {
    revision: 2,
    record: { enabled: true, url: "https://c.example/" },
  })
  await admin.call("DELETE", `/v1/links/${link.id}`)
  await publishAll(publisher)
  t.same(await readLink(publisher, key), { epoch: 0, revision: 3, record: null }, "a tombstone")
  const reused = await admin.newLink({ code: "春天", reuse: true })
  await publishAll(publisher)
  t.match(await readLink(publisher, key), { revision: 4, record: { id: reused.id } })
  await expectNoDrift(t, publisher)
})

t.test("a domain reaches Redis under its host and every alias, and goes from each", async (t) => {
  const { admin, publisher } = await setUp(t)
  const [host, old, kept] = ["go.example.com", "old.example.com", "kept.example.com"]
  const body = { host, aliases: [old, kept], caseSensitive: false }
  const { id } = (await admin.call<{ id: string }>("POST", "/v1/domains", body)).body
  await publishAll(publisher)
  const { workspaceId } = admin
  const record = { ...PLAIN_DOMAIN, host, workspaceId, caseSensitive: false }
  for (const name of [host, old, kept]) t.same((await readDomain(publisher, domainKey(name)))?.record, record)
  const patch = { aliases: [kept, "new.example.com"], rootUrl: "https://a.example/" }
  await admin.call("PATCH", `/v1/domains/${id}`, patch)
  await publishAll(publisher)
  for (const name of [host, kept, "new.example.com"]) {
    t.match(
      await readDomain(publisher, domainKey(name)),
      { record: { host, rootUrl: "https://a.example/" } },
      name,
    )
  }
  t.match(await readDomain(publisher, domainKey(old)), { revision: 2, record: null })
  await admin.call("DELETE", `/v1/domains/${id}`)
  await publishAll(publisher)
  for (const name of [host, kept, "new.example.com"])
    t.equal((await readDomain(publisher, domainKey(name)))?.record, null)
  await expectNoDrift(t, publisher)
})

t.test("a code of a case-insensitive domain is published in its one form", async (t) => {
  const { admin, publisher } = await setUp(t)
  await admin.call("POST", "/v1/domains", { host: "ci.example.com", caseSensitive: false })
  const link = await admin.newLink({ domain: "ci.example.com", code: "SpRing" })
  await publishAll(publisher)
  t.equal((await readLink(publisher, linkKey("ci.example.com", "spring")))?.record?.id, link.id)
})

t.test("a ban waits behind no backlog, and nothing in a backlog waits for ever", async (t) => {
  const { admin } = await setUp(t)
  const publisher = await publisherOf(t, admin, { batchMax: 100 })
  const [link, other] = [await admin.newLink({ code: "fraud" }), await admin.newLink({ code: "first" })]
  await sql`update publications set changed_at = now() - interval '1 hour'`.execute(admin.db)
  await seedLinks(admin, 5_000)
  for (const [kind, value] of [
    ["link", link.id],
    ["host", "evil.example"],
  ]) {
    const made = await admin.call("POST", "/v1/bans", { kind, value, reason: "x" })
    t.equal(made.status, 201, made.text)
  }
  // Newer than the bans.
  await seedLinks(admin, 20)
  t.equal(await publishDue(publisher), 100)
  t.equal((await readLink(publisher, linkKey(HOST, "fraud")))?.record?.banned, true)
  t.same(decodeBanSet((await publisher.redis.get(BANS_KEY)) ?? "").record?.hosts, new Set(["evil.example"]))
  t.equal(
    (await readLink(publisher, linkKey(HOST, "first")))?.record?.id,
    other.id,
    "the oldest is there, too",
  )
  await Promise.all([publishAll(publisher), publishAll(publisher)])
  await expectNoDrift(t, publisher)
})

t.test("whoever hears of a change finds it in Redis already", async (t) => {
  const { admin, publisher } = await setUp(t)
  const [subscriber, reader] = [redisClient(t, redis.url), redisClient(t, redis.url)]
  await subscriber.subscribe(CHANGES_CHANNEL)
  const heard = new Map<string, string>()
  const late: string[] = []
  subscriber.on("message", async (_channel, message: string) => {
    const [key = "", version = ""] = message.split(" ")
    heard.set(key, version)
    const held = versionOf((await reader.get(key)) ?? "0.0.")
    if (held.revision < Number(version.split(".")[1])) late.push(message)
  })
  const { ids, keys } = await seedLinks(admin, 200)
  await publishAll(publisher)
  await Promise.all(ids.slice(0, 50).map((id) => admin.call("PATCH", `/v1/links/${id}`, { enabled: false })))
  await publishAll(publisher)
  await waitFor("every change to be heard", () => keys.slice(0, 50).every((key) => heard.get(key) === "0.2"))
  t.ok(keys.slice(50).every((key) => heard.get(key) === "0.1"))
  t.same(late, [])
  await publishAll(publisher)
  await beat(publisher)
  await waitFor("the heartbeat", () => heard.has(HEARTBEAT))
})

t.test("whatever order versions come in, the highest stays and is the only one told last", async (t) => {
  const { publisher } = await setUp(t)
  const random = seededRandom(t)
  const key = linkKey(HOST, "ordered")
  for (let round = 0; round < 20; round++) {
    await publisher.redis.del(key)
    const versions = Array.from({ length: 30 }, () => ({
      epoch: random.below(4) + 9,
      revision: random.below(12) + 1,
    }))
    const highest = versions.reduce((a, b) => ((a.epoch - b.epoch || a.revision - b.revision) > 0 ? a : b))
    await Promise.all(
      versions.map(async ({ epoch, revision }) => {
        const value = encodeLink(
          { epoch, revision },
          { ...PLAIN_LINK, url: `https://a.example/${epoch}/${revision}` },
        )
        const [result] = await putRecords(publisher.redis, epoch, [{ key, revision, value }])
        if (result?.kind === "newer") {
          const { held } = result
          t.ok(held.epoch > epoch || (held.epoch === epoch && held.revision > revision))
        }
      }),
    )
    const url = `https://a.example/${highest.epoch}/${highest.revision}`
    t.match(await readLink(publisher, key), { ...highest, record: { url } })
  }
})

t.test("three publishers at once bring 2,000 links and their changes to Redis", async (t) => {
  const { admin, publisher } = await setUp(t)
  const others = [
    await publisherOf(t, admin, { batchMax: 37 }),
    await publisherOf(t, admin, { batchMax: 100 }),
  ]
  const { ids } = await seedLinks(admin, 2_000)
  const publishers = [publisher, ...others]
  for (const each of publishers) runPublisher(t, each, admin.databaseUrl, 50)
  const change = (id: string, i: number) =>
    i % 7 === 0
      ? admin.call("DELETE", `/v1/links/${id}`)
      : admin.call("PATCH", `/v1/links/${id}`, { maxClicks: i + 1 })
  for (let first = 0; first < 200; first += 20) {
    const answers = await Promise.all(ids.slice(first, first + 20).map((id, i) => change(id, first + i)))
    t.ok(answers.every(({ status }) => status < 300))
  }
  await noneDue(publisher.db)
  await expectNoDrift(t, publisher)
  t.ok(publishers.every(({ metrics }) => metrics.failures === 0))
  t.equal(
    await readEpoch(admin.db),
    0,
    "none takes what another has written for a Postgres that has gone back",
  )
})

t.test("links that change while they are published end with their newest value", async (t) => {
  const { admin, publisher } = await setUp(t)
  const { ids, keys } = await seedLinks(admin, 3)
  for (const each of [publisher, await publisherOf(t, admin), await publisherOf(t, admin)]) {
    runPublisher(t, each, admin.databaseUrl, 20)
  }
  const change = async (writer: number) => {
    for (let i = 0; i < 25; i++) {
      const id = ids[(writer + i) % ids.length]
      const { status } = await admin.call("PATCH", `/v1/links/${id}`, {
        url: `https://a.example/${writer}/${i}`,
      })
      t.equal(status, 200)
    }
  }
  await Promise.all(Array.from({ length: 6 }, (_, writer) => change(writer)))
  await noneDue(admin.db)
  for (const [i, id] of ids.entries()) {
    const { url, version } = (await admin.call<Link>("GET", `/v1/links/${id}`)).body
    t.match(await readLink(publisher, keys[i] ?? ""), { revision: version, record: { url } })
  }
  t.equal(await readEpoch(admin.db), 0)
  await expectNoDrift(t, publisher)
})

t.test("a create that is refused does not hold back the change of the link that has the code", async (t) => {
  const { admin, publisher } = await setUp(t)
  await admin.newLink({ code: "busy" })
  const key = linkKey(HOST, "busy")
  await admin.db.transaction().execute(async (trx) => {
    for (const reuse of [false, true]) {
      const claim = await claimKey(trx, { key, kind: "link", subjectId: newId("lnk"), reuse })
      t.equal(claim.kind, "taken")
    }
    t.ok((await publishDue(publisher)) > 0, "its transaction is still open")
  })
  t.equal((await readLink(publisher, key))?.revision, 1)
})

t.test("a publisher whose Redis connection is cut in the middle of a batch loses nothing", async (t) => {
  const { admin } = await setUp(t)
  const proxy = await startProxy(t, redis.port)
  const publisher = await publisherOf(t, admin, { redisUrl: proxy.through(redis.url) })
  const { keys } = await seedLinks(admin, 300)
  for (const afterBytes of [1, 5_000, 20_000]) {
    await sql`update publications set revision = revision + 1`.execute(admin.db)
    const cut = proxy.cutAfter(afterBytes)
    await t.rejects(publishDue(publisher))
    await cut
    const { rows } = await sql`select 1 from publications where revision = published_revision`.execute(
      admin.db,
    )
    t.equal(rows.length, 0, "nothing is taken for published")
    await waitFor("the connection to come back", () => publisher.redis.status === "ready")
    await publishAll(publisher)
    await expectNoDrift(t, publisher)
  }
  t.equal((await readLink(publisher, keys[0] ?? ""))?.revision, 4)
})

t.test("a publisher that dies between Redis and its commit leaves everything to the next one", async (t) => {
  const { admin, publisher } = await setUp(t)
  await seedLinks(admin, 50)
  const kill = sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and state = 'idle in transaction'`
  const dying = { ...publisher, redis: Object.create(publisher.redis, { putRecord: { value: putAndDie } }) }
  async function putAndDie(...args: Parameters<typeof publisher.redis.putRecord>) {
    const result = await publisher.redis.putRecord(...args)
    await kill.execute(admin.db)
    return result
  }
  await t.rejects(publishDue(dying))
  await publishAll(publisher)
  await expectNoDrift(t, publisher)
})

t.test("while Redis is away nothing is claimed, and all is published when it is back", async (t) => {
  const { admin } = await setUp(t)
  const proxy = await startProxy(t, redis.port)
  const publisher = await publisherOf(t, admin, { redisUrl: proxy.through(redis.url) })
  runPublisher(t, publisher, admin.databaseUrl, 50)
  proxy.refuse()
  proxy.cut()
  await waitFor("the connection to be lost", () => publisher.redis.status !== "ready")
  const link = await admin.newLink({ code: "meanwhile" })
  t.equal(await publishDue(publisher), 0)
  proxy.accept()
  await waitFor(
    "the link",
    async () => (await readLink(publisher, linkKey(HOST, "meanwhile")))?.record?.id === link.id,
  )
})

t.test("a notification wakes a publisher long before it would poll", async (t) => {
  const { admin, publisher } = await setUp(t)
  const { listener } = runPublisher(t, publisher, admin.databaseUrl, 600_000)
  await waitFor("the listener", () => listener.isListening())
  for (let i = 0; i < 5; i++) {
    await admin.newLink({ code: `told-${i}` })
    const isThere = () => publisher.redis.exists(linkKey(HOST, `told-${i}`))
    await waitFor("the link", isThere, { timeoutMs: 2_000, intervalMs: 2 })
  }
})

t.test("without notifications polling finds what is due", async (t) => {
  const { admin, publisher } = await setUp(t)
  const { listener } = runPublisher(t, publisher, "postgres://nobody@127.0.0.1:1/none", 50)
  await admin.newLink({ code: "polled" })
  await waitFor("the link", () => publisher.redis.exists(linkKey(HOST, "polled")))
  t.equal(listener.isListening(), false)
})

t.test("a listener that loses its connection comes back, and stays one connection", async (t) => {
  const { admin, publisher } = await setUp(t)
  const { listener } = runPublisher(t, publisher, admin.databaseUrl, 30)
  const listeners = async () => {
    const found = await sql<{ pid: number }>`select pid from pg_stat_activity
      where datname = current_database() and query like 'listen%'`.execute(admin.db)
    return found.rows.map(({ pid }) => pid)
  }
  for (let round = 0; round < 3; round++) {
    await waitFor("the listener", () => listener.isListening())
    const before = await listeners()
    t.equal(before.length, 1)
    await sql`select pg_terminate_backend(pid) from unnest(${before}::int[]) as pid`.execute(admin.db)
    await waitFor("another connection", async () => (await listeners()).some((pid) => !before.includes(pid)))
  }
  await waitFor("the listener", () => listener.isListening())
  t.equal((await listeners()).length, 1)
})

t.test("a writer gets its answer when its change is in Redis", async (t) => {
  const { admin, publisher } = await setUp(t, { PUBLISH_WAIT_MS: "20000" })
  runPublisher(t, publisher, admin.databaseUrl, 600_000)
  await waitFor(
    "the server to listen",
    async () => (await publisher.redis.pubsub("NUMSUB", CHANGES_CHANNEL))[1] === 1,
  )
  const startedAt = performance.now()
  const link = await admin.newLink({ code: "waited-for" })
  const key = linkKey(HOST, "waited-for")
  t.match(await readLink(publisher, key), { revision: 1 })
  await admin.call("PATCH", `/v1/links/${link.id}`, { enabled: false })
  t.match(await readLink(publisher, key), { revision: 2, record: { enabled: false } })
  await admin.call("DELETE", `/v1/links/${link.id}`)
  t.match(await readLink(publisher, key), { revision: 3, record: null })
  t.ok(performance.now() - startedAt < 10_000, "none waited to the end")
})

t.test("a writer gets its answer in time when nobody publishes", async (t) => {
  const { admin, publisher } = await setUp(t, { PUBLISH_WAIT_MS: "100" })
  await waitFor(
    "the server to listen",
    async () => (await publisher.redis.pubsub("NUMSUB", CHANGES_CHANNEL))[1] === 1,
  )
  t.ok((await admin.newLink()).id)
})

t.test("a Postgres that has gone back in the middle of an epoch begins a new one and wins", async (t) => {
  const { admin, publisher } = await setUp(t)
  await refill({ db: admin.db, redis: publisher.redis, log: quiet })
  const link = await admin.newLink({ code: "back", url: "https://a.example/kept" })
  await publishAll(publisher)
  const epoch = await readEpoch(admin.db)
  // What a replica that took over has lost: revisions 2 to 9, which Redis holds.
  const lost = { ...PLAIN_LINK, id: link.id, url: "https://a.example/lost" }
  await publisher.redis.set(linkKey(HOST, "back"), encodeLink({ epoch, revision: 9 }, lost))
  await admin.call("PATCH", `/v1/links/${link.id}`, { url: "https://a.example/new" })
  await publishAll(publisher)
  t.match(await readLink(publisher, linkKey(HOST, "back")), {
    revision: 2,
    record: { url: "https://a.example/new" },
  })
  t.ok((await readEpoch(admin.db)) > epoch)
  await mend(publisher)
  t.equal(publisher.metrics.refills, 1, "and Redis is filled anew, as more may have been lost")
  await expectNoDrift(t, publisher)
})

t.test("what a Redis that failed has forgotten is published again, however long it was away", async (t) => {
  const { admin, publisher } = await setUp(t)
  const { keys } = await seedLinks(admin, 20)
  await publishAll(publisher)
  const failedAt = new Date(Date.now() - 600_000)
  await sql`update publications set published_at = ${failedAt}::timestamptz - interval '2 seconds'`.execute(
    admin.db,
  )
  const forgotten = keys.slice(0, 5)
  for (const since of [failedAt, null]) {
    await publisher.redis.del(...forgotten)
    publisher.doubt = { since }
    const { stop } = runPublisher(t, publisher, admin.databaseUrl, 20)
    await waitFor("the forgotten records", async () => (await publisher.redis.exists(...forgotten)) === 5)
    await stop()
    await expectNoDrift(t, publisher)
    await sql`update publications set published_at = ${failedAt}::timestamptz - interval '2 seconds'`.execute(
      admin.db,
    )
  }
})

async function noneDue(db: Parameters<typeof readEpoch>[0]) {
  await waitFor(
    "everything to be published",
    async () =>
      (await sql`select 1 from publications where revision <> published_revision limit 1`.execute(db)).rows
        .length === 0,
    { timeoutMs: 30_000 },
  )
}
