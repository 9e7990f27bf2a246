import { Agent, request } from "node:http"
import t from "tap"
import { startChild } from "../../test/support/child.ts"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { newFolder } from "./support/folder.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { SERVER, startClients, startServer } from "./support/server.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
await publisher.link("busy")

const storedVisits = async () => (await publisher.batches()).flatMap(({ visits }) => visits).length

t.test("SIGTERM under load fails no request and loses no click", async (t) => {
  const { child, port, ops, ready } = await startServer(t, redis.url)
  await ready()
  t.equal(await ops("/healthz/live"), 200)
  const clients = startClients(t, port, "busy", { count: 20, keepAlive: true })
  await waitFor("some load", () => clients.answered > 2_000, { timeoutMs: 20_000 })
  const stopped = child.stop("SIGTERM")
  await waitFor("the balancer to look away", async () => (await ops("/healthz/ready")) === 503, {
    timeoutMs: 2_000,
  })
  await clients.stop()
  t.equal(await stopped, 0)
  t.same(clients.failures, [])
  t.equal(await storedVisits(), clients.answered)
  t.match(child.output(), '"msg":"stopped"')
})

t.test(
  "after SIGTERM requests are still answered for DRAIN_MS, each the last on its connection",
  async (t) => {
    const { child, port, ops, ready } = await startServer(t, redis.url, { DRAIN_MS: "1500" })
    await ready()
    const agent = new Agent({ keepAlive: true })
    t.teardown(() => agent.destroy())
    const connectionHeader = (path: string) =>
      new Promise<string | undefined>((resolve, reject) => {
        const options = { host: "127.0.0.1", port, path, agent, headers: { host: HOST } }
        const req = request(options, (res) => res.resume().on("end", () => resolve(res.headers.connection)))
        req.on("error", reject).end()
      })
    t.equal(await connectionHeader("/busy"), "keep-alive")
    const stopped = child.stop("SIGTERM")
    await waitFor("not ready", async () => (await ops("/healthz/ready")) === 503, { timeoutMs: 1_000 })
    for (const path of ["/busy", "/robots.txt", "/nowhere"]) t.equal(await connectionHeader(path), "close")
    t.equal(await stopped, 0)
  },
)

t.test("a clicks backlog at SIGTERM is sent before the process ends", async (t) => {
  const { child, port } = await startServer(t, redis.url, { CLICK_FLUSH_MS: "60000", DRAIN_MS: "0" })
  const before = await storedVisits()
  await waitFor("an answer", async () => (await head(port)) === 302, { timeoutMs: 5_000 })
  for (let i = 0; i < 10; i++) await head(port)
  t.equal(await storedVisits(), before)
  t.equal(await child.stop("SIGTERM"), 0)
  t.equal(await storedVisits(), before + 11)
})

t.test("with Redis gone SIGTERM spills the clicks, and the next process sends them", async (t) => {
  if (!redis.isOurs) return t.comment("skipped: this Redis cannot be restarted")
  const folder = await newFolder(t)
  const env = { SPILL_DIR: folder, CLICK_FLUSH_MS: "60000", DRAIN_MS: "0" }
  const { child, port } = await startServer(t, redis.url, env)
  await waitFor("an answer", async () => (await head(port)) === 302, { timeoutMs: 5_000 })
  await redis.kill()
  t.teardown(() => redis.restart())
  for (let i = 0; i < 10; i++) t.equal(await head(port), 302)
  const startedAtMs = performance.now()
  t.equal(await child.stop("SIGTERM"), 0)
  t.ok(performance.now() - startedAtMs < 3_000)
  t.match(child.output(), '"spilled":11')

  await redis.restart()
  const next = await startServer(t, redis.url, { SPILL_DIR: folder })
  await waitFor("the visits", async () => (await storedVisits()) === 11, { timeoutMs: 10_000 })
  t.equal(await next.child.stop("SIGTERM"), 0)
  t.match(next.child.output(), '"formerSent":11')
})

t.test("settings that cannot be used are all named, and the process ends", async (t) => {
  const wrong = {
    REDIS_URL: "http://x",
    TRUSTED_PROXIES: "true",
    CACHE_MAX_LINKS: "-1",
    COOKIE_SECRET: "short",
    WORKERS: "0",
  }
  const env = { ...process.env, ...wrong }
  const child = startChild(process.execPath, [SERVER], { env })
  await waitFor("the end", () => child.hasEnded, { timeoutMs: 10_000 })
  for (const name of Object.keys(wrong)) t.match(child.output(), name)
  t.notMatch(child.output(), /http:\/\/x|short/)
})

function head(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port,
      path: "/busy",
      method: "HEAD",
      headers: { host: HOST },
      agent: false,
    }
    request(options, (res) => res.resume().on("end", () => resolve(res.statusCode)))
      .on("error", reject)
      .end()
  })
}
