import { once } from "node:events"
import { liveChannel } from "@qiao/core/keys.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { createLiveFeed } from "../src/live/live-feed.ts"
import { createLiveStream } from "../src/live/live-stream.ts"
import type { LiveMessage, LiveVisit } from "../src/live/live-visit.ts"
import { connectRedis } from "../src/redis.ts"
import type { VisitAnswer } from "../src/stats/visit-formats.ts"
import { expectProblem, startAdmin } from "./support/admin.ts"
import { type EventReader, listen, openEvents } from "./support/events.ts"
import { visit as clickOf, seal, send, startIngest } from "./support/ingest.ts"
import { quiet } from "./support/publisher.ts"
import { redisClient } from "./support/redis.ts"

const server = await startRedis(t, { appendOnly: false })

async function setUp(t: Test, env: Record<string, string> = {}) {
  const admin = await startAdmin(t, { redis: server, env })
  const url = await listen(admin.app)
  const redis = redisClient(t, server.url)
  const publish = (message: Partial<LiveMessage>, workspaceId = admin.workspaceId) =>
    redis.publish(liveChannel(workspaceId), JSON.stringify({ visits: [], omitted: 0, ...message }))
  const open = (query = "", key = admin.key) => openEvents(t, `${url}/v1/stats/live${query}`, key)
  const listeners = async () => {
    const channel = liveChannel(admin.workspaceId)
    return ((await redis.pubsub("NUMSUB", channel)) as [string, number])[1]
  }
  return { admin, redis, url, publish, open, listeners }
}

function visit(linkId: string, referrer = ""): LiveVisit {
  return {
    ...{ at: "2026-11-22T01:02:03.004Z", linkId, decision: "redirect", automated: false, synthetic: false },
    ...{ platform: "wechat", os: "ios", device: "phone", browser: "safari", language: "zh-CN", referrer },
    ...{ country: "CN", region: "CN-SH", city: "Shanghai", rule: "", variant: "" },
  }
}

type Told = { visits: { at: string; link: string; referrer: string }[]; omitted: number }

async function told(t: Test, reader: EventReader): Promise<Told> {
  const event = await reader.next()
  t.equal(event?.event, "visits")
  return JSON.parse(event?.data ?? "null") as Told
}

t.test("a listener hears of its workspace's visits as they are told, and of nobody else's", async (t) => {
  const { admin, open, publish } = await setUp(t)
  const other = await admin.newWorkspace("o.example.com")
  const mine = await open()
  const theirs = await open("", other.key)
  t.equal(mine.status, 200)
  t.match(mine.headers, { "content-type": /^text\/event-stream/, "cache-control": "no-store" })
  await publish({ visits: [visit("lnk_theirs")] }, other.workspaceId)
  await publish({ visits: [visit("lnk_a"), visit("lnk_b")], omitted: 7 })
  const { linkId: _, ...rest } = visit("lnk_a")
  t.same(await told(t, mine), {
    visits: [
      { link: "lnk_a", ...rest },
      { link: "lnk_b", ...rest },
    ],
    omitted: 7,
  })
  t.match(await told(t, theirs), { visits: [{ link: "lnk_theirs" }], omitted: 0 })
  t.match(mine.text(), /^retry: \d+\n\n/)
})

t.test("a listener to a link hears of that link alone", async (t) => {
  const { admin, open, publish } = await setUp(t)
  const [link, another] = [await admin.newLink(), await admin.newLink()]
  const byId = await open(`?link=${link.id}`)
  const byAddress = await open(`?link=${encodeURIComponent(`${link.domain}/${link.code}`)}`)
  await publish({ visits: [visit(another.id)] })
  await publish({ visits: [visit(another.id), visit(link.id)] })
  for (const reader of [byId, byAddress]) t.match(await told(t, reader), { visits: [{ link: link.id }] })
})

t.test("what ingest stores is heard once it is stored", async (t) => {
  const { admin, redis, open } = await setUp(t)
  const { id } = await admin.newLink()
  const reader = await open(`?link=${id}`)
  startIngest(t, { databaseUrl: admin.databaseUrl, redisUrl: server.url })
  let sequence = 0
  // Ingest finds out from time to time who listens.
  await waitFor("a visit to be heard", async () => {
    await send(redis, seal([clickOf(id)], { sequence: sequence++ }))
    return reader.text().includes("event: visits")
  })
  const { visits } = await told(t, reader)
  const { body } = await admin.call<{ data: VisitAnswer[] }>("GET", `/v1/stats/raw?link=${id}`)
  const stored = body.data.find(({ at }) => at === visits[0]?.at)
  t.match(stored, visits[0] ?? {}, "as the list has it")
})

t.test("who may not listen, or to nothing, is told so", async (t) => {
  const { admin, open } = await setUp(t)
  const theirs = await admin.newWorkspace("p.example.com")
  const link = await admin.newLink()
  const call = (query: string, key: string | null) => admin.as(key)("GET", `/v1/stats/live${query}`)
  expectProblem(t, await call("", null), 401, "missing_key")
  expectProblem(t, await call("", await admin.newKey(["links:read"])), 403, "missing_scope")
  expectProblem(t, await call(`?link=${link.id}`, theirs.key), 404, "not_found")
  expectProblem(t, await call("?link=lnk_none&tag=x", admin.key), 422, "invalid_input")
  t.equal((await admin.call("HEAD", "/v1/stats/live")).status, 404)
  t.equal((await open("", await admin.newKey(["stats:read"]))).status, 200)
})

t.test("all listeners share one subscription, which ends with the last of them", async (t) => {
  const { open, publish, listeners } = await setUp(t)
  const readers = await Promise.all(Array.from({ length: 5 }, () => open()))
  t.equal(await listeners(), 1)
  for (const reader of readers.slice(1)) reader.close()
  await publish({ visits: [visit("lnk_a")] })
  t.match(await told(t, readers[0] as EventReader), { visits: [{ link: "lnk_a" }] })
  t.equal(await listeners(), 1)
  readers[0]?.close()
  await waitFor("the subscription to end", async () => (await listeners()) === 0)
  const again = await open()
  await publish({ visits: [visit("lnk_b")] })
  t.match(await told(t, again), { visits: [{ link: "lnk_b" }] })
})

t.test("more streams than there may be get 503, until one ends", async (t) => {
  const { admin, open } = await setUp(t, { LIVE_STREAMS_MAX: "2" })
  const readers = [await open(), await open()]
  const refused = await admin.call("GET", "/v1/stats/live")
  expectProblem(t, refused, 503, "too_many_streams")
  t.match(refused.headers["retry-after"], /^\d+$/)
  readers[0]?.close()
  await waitFor("a place", async () => {
    const reader = await open()
    return reader.status === 200
  })
})

t.test("a stream ends after its time, and says so", async (t) => {
  const { open, listeners } = await setUp(t, { LIVE_STREAM_SECONDS: "1" })
  const reader = await open()
  t.same(await reader.next(), { event: "end", data: '{"reason":"time_up"}' })
  t.equal(await reader.next(), null)
  await waitFor("the subscription to end", async () => (await listeners()) === 0)
})

t.test("a server that stops ends its streams, those that nobody reads as well", async (t) => {
  const { admin, open, publish } = await setUp(t)
  const [reader, stuck] = [await open(), await open()]
  stuck.pause()
  const visits = Array.from({ length: 100 }, () => visit("lnk_a", "x".repeat(200)))
  for (let i = 0; i < 1_000; i++) await publish({ visits })
  const started = performance.now()
  await admin.app.close()
  t.ok(performance.now() - started < 5_000, "soon")
  for (;;) {
    const event = await reader.next()
    if (event?.event === "visits") continue
    t.same(event, { event: "end", data: '{"reason":"shutdown"}' })
    break
  }
})

t.test("a reader that is slow loses the oldest visits, and hears how many", async (t) => {
  const { open, publish } = await setUp(t)
  const reader = await open()
  await publish({ visits: [visit("lnk_first")] })
  await told(t, reader)
  reader.pause()
  const messages = 3_000
  for (let i = 0; i < messages; i++) {
    const visits = Array.from({ length: 100 }, () => visit("lnk_a", "x".repeat(200)))
    await publish({ visits })
  }
  await publish({ visits: [visit("lnk_last")] })
  reader.resume()
  let [heard, omitted, last] = [0, 0, ""]
  while (last !== "lnk_last") {
    const { visits, omitted: more } = await told(t, reader)
    heard += visits.length
    omitted += more
    last = visits.at(-1)?.link ?? last
  }
  t.equal(heard + omitted, messages * 100 + 1)
  t.ok(omitted > messages * 50, `omitted ${omitted}`)
})

t.test("comments keep a quiet stream alive", async () => {
  const options = { linkId: null, heartbeatMs: 20, lastsMs: 60_000, visitsMax: 10, onDestroyed() {} }
  const { body } = createLiveStream(options)
  let text = ""
  body.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk
  })
  await waitFor("comments", async () => text.endsWith(": \n\n: \n\n"))
  body.destroy()
})

t.test("a stream that is destroyed says so once", async (t) => {
  let destroyed = 0
  const onDestroyed = () => {
    destroyed++
  }
  const stream = createLiveStream({ linkId: null, heartbeatMs: 5, lastsMs: 10, visitsMax: 10, onDestroyed })
  stream.body.destroy()
  await once(stream.body, "close")
  stream.add({ visits: [visit("lnk_a")], omitted: 0 })
  stream.end("shutdown")
  t.equal(destroyed, 1)
})

t.test("a lost Redis ends the streams, and a Redis that is back serves new ones", async (t) => {
  const { admin, open, publish } = await setUp(t)
  const reader = await open()
  await server.kill()
  t.same(await reader.next(), { event: "end", data: '{"reason":"feed_lost"}' })
  t.equal(await reader.next(), null)
  const refused = await admin.call("GET", "/v1/stats/live")
  expectProblem(t, refused, 503, "redis_unavailable")
  t.match(refused.headers["retry-after"], /^\d+$/)
  await server.restart()
  let again = await open()
  await waitFor("the feed to be back", async () => {
    again = await open()
    return again.status === 200
  })
  await waitFor("a message to arrive", async () => {
    await publish({ visits: [visit("lnk_a")] })
    return /lnk_a/.test(again.text())
  })
})

t.test("a Redis that says nothing any more is a lost one", async (t) => {
  const proxy = await startProxy(t, server.port)
  const redis = connectRedis(proxy.through(server.url), quiet, { name: "live", commandTimeout: 100 })
  await once(redis, "ready")
  const feed = createLiveFeed(redis, quiet, 300)
  t.teardown(() => feed.close())
  const lost = Promise.withResolvers<void>()
  await feed.listen("ws_a", { onMessage() {}, onLost: lost.resolve })
  proxy.pause()
  await lost.promise
  t.pass("it is told")
})
