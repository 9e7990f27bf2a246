import { CLICK_GROUP, clickStreamKey, deadLetterKey, liveChannel } from "@qiao/core/keys.ts"
import pg from "pg"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { openBatch } from "../src/ingest/sealed-batch.ts"
import { LIVE_VISITS_MAX, type LiveMessage } from "../src/live/live-visit.ts"
import { countDeadLettered } from "../src/repositories/clicks/dead-letters.ts"
import { HOST, startAdmin } from "./support/admin.ts"
import { drained, expectCounts, seal, send, startIngest, visit } from "./support/ingest.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })

async function setUp(t: Test) {
  await server.flush()
  const admin = await startAdmin(t, { redis: server })
  const redis = redisClient(t, server.url)
  return {
    ...{ admin, db: admin.db, redis, link: (await admin.newLink()).id },
    stores: { databaseUrl: admin.databaseUrl, redisUrl: server.url },
  }
}

t.test("visits of unknown codes are counted by workspace, day, host and path", async (t) => {
  const { admin, db, redis, stores } = await setUp(t)
  await db
    .updateTable("workspaces")
    .set({ timeZone: "Asia/Kolkata" })
    .where("id", "=", admin.workspaceId)
    .execute()
  // Ten minutes before and after a midnight of India.
  const midnight = Date.now() - (Date.now() % 86_400_000) - 86_400_000 - 5.5 * 3_600_000
  const paths = ["/a", "/b", "/a"].map((path): [string, string] => [HOST, path])
  const before = { sequence: 0, sealedAtMs: midnight - 600_000 }
  const after = { sequence: 1, sealedAtMs: midnight + 600_000 }
  for (const sealed of [seal([], before, paths), seal([], after, [...paths, ["gone.example", "/a"]])])
    for (const partition of [0, 1]) await send(redis, sealed, partition)
  startIngest(t, stores, { partitions: [0, 1] })
  await drained(redis, [0, 1])
  const rows = await db.selectFrom("orphanVisits").selectAll().orderBy("lastAt").orderBy("path").execute()
  t.same(
    rows.map(({ host, path, visits, lastAt }) => [host, path, visits, lastAt.getTime()]),
    [
      [HOST, "/a", 2, before.sealedAtMs],
      [HOST, "/b", 1, before.sealedAtMs],
      [HOST, "/a", 2, after.sealedAtMs],
      [HOST, "/b", 1, after.sealedAtMs],
    ],
  )
  t.ok(rows.every(({ workspaceId }) => workspaceId === admin.workspaceId))
  t.equal(new Set(rows.map(({ day }) => String(day))).size, 2, "on two days")
})

t.test(
  "who listens to a workspace is told of its visits once they are stored, and of no other",
  async (t) => {
    const { admin, db, redis, link, stores } = await setUp(t)
    const other = await admin.newWorkspace("second.example")
    const elsewhere = (await other.call<{ id: string }>("POST", "/v1/links", { url: "https://a.example/" }))
      .body.id
    const listener = redisClient(t, server.url)
    const messages: LiveMessage[] = []
    listener.on("message", (_channel, message: string) => messages.push(JSON.parse(message)))
    await listener.subscribe(liveChannel(admin.workspaceId))
    const atMs = Date.now()
    const place = { country: "CN", region: "CN-GD", city: "Shenzhen", isp: "" }
    startIngest(t, stores, { placeOf: () => place })

    await send(
      redis,
      seal([visit(link, { atMs, rule: "r" }), visit(elsewhere), visit("lnk_gone")], { sequence: 0 }),
    )
    await waitFor("to be told", () => messages.length === 1)
    await expectCounts(t, db, { visits: 3 })
    const { isp: _, ...told } = place
    const client = { platform: "wechat", os: "android", device: "phone", browser: "chrome" }
    t.same(messages[0], {
      visits: [
        {
          ...{
            at: new Date(atMs).toISOString(),
            linkId: link,
            decision: "redirect",
            automated: false,
            synthetic: false,
          },
          ...{ ...client, ...told, language: "zh-CN", referrer: "mp.weixin.qq.com", rule: "r", variant: "" },
        },
      ],
      omitted: 0,
    })

    const many = Array.from({ length: LIVE_VISITS_MAX + 50 }, (_, i) => visit(link, { rule: String(i) }))
    await send(redis, seal(many, { sequence: 1 }))
    await waitFor("to be told of many", () => messages.length === 2)
    t.equal(messages[1]?.omitted, 50)
    t.same(
      messages[1]?.visits.map(({ rule }) => rule),
      many.slice(50).map(({ rule }) => rule),
      "the newest are told",
    )
  },
)

t.test(
  "a batch that was counted as dead-lettered and not kept yet is kept, and not counted again",
  async (t) => {
    const { db, redis, link, stores } = await setUp(t)
    const poison = seal([visit(link, { referrer: "a\u0000" }), visit(link)], { sequence: 1 })
    const client = new pg.Client(stores.databaseUrl)
    await client.connect()
    t.teardown(() => client.end())
    const { stop } = startIngest(t, stores)
    await send(redis, seal([visit(link)], { sequence: 0 }))
    await drained(redis)
    await stop()
    // As an ingest leaves it that dies in between: delivered, counted, not acknowledged.
    const stream = clickStreamKey(0)
    await send(redis, poison)
    await redis.xreadgroup("GROUP", CLICK_GROUP, CLICK_GROUP, "COUNT", 10, "STREAMS", stream, ">")
    await countDeadLettered(client, openBatch(poison), { nowMs: Date.now(), horizonMs: 3_600_000 })
    startIngest(t, stores)
    await drained(redis)
    const letters = await redis.xrange(deadLetterKey(0), "-", "+")
    t.same(
      letters.map(([, fields]) => fields[1]),
      [poison],
    )
    t.match(await db.selectFrom("edgeInstances").selectAll().executeTakeFirst(), {
      deadLettered: 2,
      stored: 1,
    })
  },
)

t.test("of an instance, what its last batch says counts, in whatever order batches come", async (t) => {
  const { db, redis, link, stores } = await setUp(t)
  const counters = (accepted: number, spilled: number) => ({ accepted, spilled, dropped: 1 })
  const last = seal([], { sequence: 3, isFinal: true, counters: counters(4, 0) })
  const batches = [
    seal([visit(link)], { sequence: 0, counters: counters(1, 7) }),
    last,
    seal([visit(link), visit(link)], { sequence: 2, counters: counters(3, 5) }),
    last,
    seal([visit(link)], { sequence: 1, counters: counters(2, 9) }),
  ]
  for (const batch of batches) await send(redis, batch)
  startIngest(t, stores, { batchesMax: 1 })
  await drained(redis)
  const row = await db.selectFrom("edgeInstances").selectAll().executeTakeFirst()
  t.match(row, { accepted: 4, dropped: 1, spilled: 0, stored: 4, lastSequence: 3, stoppedAt: Date })
  t.match(row, { batches: 4, deliveredBatches: 5, duplicateBatches: 1 })
})
