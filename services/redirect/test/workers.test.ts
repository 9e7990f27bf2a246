import { readdir } from "node:fs/promises"
import { connect } from "node:net"
import t from "tap"
import { startChild } from "../../test/support/child.ts"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { COOKIE_SECRET } from "./support/edge.ts"
import { newFolder } from "./support/folder.ts"
import { startPublisher } from "./support/publisher.ts"
import { SERVER, type Server, startClients, startServer, visit } from "./support/server.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
await publisher.link("busy")

const ACCEPTED = 'qiao_edge_visits_total{state="accepted"}'
const storedVisits = async () => (await publisher.batches()).flatMap(({ visits }) => visits).length

const counted = (server: Server, visits: number) =>
  waitFor(`${visits} visits in the count`, async () => (await server.metric(ACCEPTED)) === visits)

/** Each from a connection of its own, so that every worker gets some. */
async function visitTimes(port: number, count: number) {
  const answers: (number | string)[] = []
  for (let i = 0; i < count; i++) answers.push(await visit(port, "busy"))
  return answers.filter((answer) => answer !== 302)
}

function isAlive(pid: number) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const allGone = ({ workers }: Server) =>
  waitFor("all workers to be gone", () => workers().every(({ pid }) => !isAlive(pid)))

t.test(
  "visits of all workers are in one count, and each is sent once, with SIGTERM at the latest",
  async (t) => {
    const before = await storedVisits()
    const server = await startServer(t, redis.url, { WORKERS: "3", CLICK_FLUSH_MS: "60000" })
    await server.ready()
    t.equal(await server.metric("qiao_edge_workers"), 3)
    t.same(await visitTimes(server.port, 60), [])
    await counted(server, 60)
    t.equal(await storedVisits(), before)
    t.equal(await server.child.stop("SIGTERM"), 0)
    await allGone(server)
    t.equal(await storedVisits(), before + 60)
    const instances = server.workers().map(({ instance }) => instance)
    const sent = (await publisher.batches()).filter(({ visits }) => visits.length > 0)
    t.same(new Set(sent.map(({ instance }) => instance)), new Set(instances))
    t.equal(instances.length, 3)
  },
)

t.test("a worker that is killed comes back; meanwhile the others answer, and no count falls", async (t) => {
  const server = await startServer(t, redis.url, { WORKERS: "2" })
  await server.ready()
  t.same(await visitTimes(server.port, 20), [])
  await counted(server, 20)
  const [first] = server.workers()
  if (first === undefined) throw new Error("no worker")
  process.kill(first.pid, "SIGKILL")
  await waitFor("its end", async () => (await server.metric("qiao_edge_worker_ends_total")) === 1)
  t.equal(await server.ops("/healthz/ready"), 200)
  const counts = [20]
  const failures: (number | string)[] = []
  const isBack = async () => {
    failures.push(...(await visitTimes(server.port, 10)))
    counts.push(await server.metric(ACCEPTED))
    return (await server.metric("qiao_edge_workers")) === 2
  }
  await waitFor("it to come back", isBack)
  await counted(server, 20 + (counts.length - 1) * 10)
  t.same(failures, [])
  t.same(
    counts.toSorted((a, b) => a - b),
    counts,
  )
  t.equal(server.workers().length, 3)
  t.equal(await server.child.stop("SIGTERM"), 0)
})

t.test("connections beyond what the workers take are closed at once", async (t) => {
  const server = await startServer(t, redis.url, { WORKERS: "2", CONNECTIONS_MAX: "5" })
  await server.ready()
  // Many more, as the workers do not get quite the same number each.
  const sockets = Array.from({ length: 40 }, () => connect({ port: server.port, host: "127.0.0.1" }))
  const closeAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(closeAll)
  let closed = 0
  for (const socket of sockets) socket.on("error", () => undefined).on("close", () => closed++)
  await waitFor("those beyond to be closed", () => closed === 30, { timeoutMs: 45_000 })
  closeAll()
  await waitFor("room again", async () => (await visit(server.port, "busy")) === 302)
  t.equal(await server.child.stop("SIGTERM"), 0)
})

t.test("SIGHUP under load replaces every worker, fails no request and loses no visit", async (t) => {
  const before = await storedVisits()
  const server = await startServer(t, redis.url, { WORKERS: "2" })
  await server.ready()
  const old = server.workers()
  const all = [
    startClients(t, server.port, "busy", { count: 6, keepAlive: true }),
    startClients(t, server.port, "busy", { count: 3, keepAlive: false }),
  ]
  const answered = () => all.reduce((sum, clients) => sum + clients.answered, 0)
  const moreThan = (count: number) => waitFor("some load", () => answered() > count, { timeoutMs: 45_000 })
  await moreThan(500)
  process.kill(server.child.pid, "SIGHUP")
  const isRestarted = () => server.child.output().includes("restarted the workers")
  await waitFor("the restart", isRestarted, { timeoutMs: 30_000 })
  await moreThan(answered() + 500)
  for (const clients of all) await clients.stop()
  t.same(
    all.flatMap(({ failures }) => failures),
    [],
  )
  t.equal(server.workers().length, 4)
  t.notOk(old.some(({ pid }) => isAlive(pid)))
  await counted(server, answered())
  t.equal(await server.child.stop("SIGTERM"), 0)
  t.equal(await storedVisits(), before + answered())
})

t.test("SIGHUP while Redis is away leaves the workers that serve", async (t) => {
  if (!redis.isOurs) return t.comment("skipped: this Redis cannot be paused")
  const server = await startServer(t, redis.url, { WORKERS: "2", WORKER_READY_MS: "1500" })
  await server.ready()
  t.same(await visitTimes(server.port, 20), [])
  redis.pause()
  t.teardown(redis.resume)
  process.kill(server.child.pid, "SIGHUP")
  const isGivenUp = () => server.child.output().includes("does not get ready")
  await waitFor("the restart to be given up", isGivenUp, { timeoutMs: 45_000 })
  t.same(await visitTimes(server.port, 20), [])
  t.equal(await server.metric("qiao_edge_workers"), 2)
  t.equal(server.workers().length, 2)
  redis.resume()
  t.equal(await server.child.stop("SIGTERM"), 0)
})

t.test("workers whose primary is killed send what they have, and end", async (t) => {
  const before = await storedVisits()
  const server = await startServer(t, redis.url, { WORKERS: "2", CLICK_FLUSH_MS: "60000" })
  await server.ready()
  t.same(await visitTimes(server.port, 20), [])
  t.equal(await storedVisits(), before)
  await server.child.stop("SIGKILL")
  await allGone(server)
  t.equal(await storedVisits(), before + 20)
})

t.test("what workers spilled is sent by those that are left when there are fewer", async (t) => {
  if (!redis.isOurs) return t.comment("skipped: this Redis cannot be restarted")
  const folder = await newFolder(t)
  const env = { SPILL_DIR: folder, DRAIN_MS: "0" }
  const server = await startServer(t, redis.url, { ...env, WORKERS: "3", CLICK_FLUSH_MS: "60000" })
  await server.ready()
  t.same(await visitTimes(server.port, 15), [])
  await redis.kill()
  t.teardown(() => redis.restart())
  t.same(await visitTimes(server.port, 15), [])
  t.equal(await server.child.stop("SIGTERM"), 0)
  const spilled = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".segment"))
  t.same(spilled.map((file) => file.split("/").slice(0, -1)).sort(), [[], ["worker-1"], ["worker-2"]])

  await redis.restart()
  const next = await startServer(t, redis.url, { ...env, WORKERS: "1" })
  await waitFor("the visits", async () => (await storedVisits()) === 30)
  await waitFor("an empty folder", async () => (await next.metric("qiao_edge_spill_segments")) === 0)
  t.equal(await next.child.stop("SIGTERM"), 0)
  t.match(next.child.output(), '"formerSent":30')
  t.same(await readdir(folder), [])
  await Promise.all([publisher.link("busy"), publisher.complete()])
})

for (const WORKERS of ["1", "2"]) {
  t.test(`an ops port that is taken ends an edge of ${WORKERS}, with a plain word`, async (t) => {
    const { opsPort } = await startServer(t, redis.url)
    const env = {
      REDIS_URL: redis.url,
      COOKIE_SECRET,
      WORKERS,
      EDGE_PORT: "0",
      EDGE_OPS_PORT: String(opsPort),
    }
    const child = startChild(process.execPath, [SERVER], { env: { ...process.env, ...env } })
    await waitFor("the end", () => child.hasEnded, { timeoutMs: 45_000 })
    t.equal(await child.stop(), 1)
    t.match(child.output(), "EADDRINUSE")
    t.notMatch(child.output(), /\n {4}at /)
  })
}

t.test("a port that is taken ends all processes, with a plain word", async (t) => {
  const { port } = await startServer(t, redis.url)
  const own = {
    REDIS_URL: redis.url,
    COOKIE_SECRET,
    WORKERS: "2",
    EDGE_PORT: String(port),
    EDGE_OPS_PORT: "0",
  }
  const child = startChild(process.execPath, [SERVER], { env: { ...process.env, ...own } })
  await waitFor("the end", () => child.hasEnded, { timeoutMs: 45_000 })
  t.equal(await child.stop(), 1)
  t.match(child.output(), "EADDRINUSE")
  t.notMatch(child.output(), /\n {4}at /)
})
