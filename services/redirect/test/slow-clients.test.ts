import { once } from "node:events"
import type { Socket } from "node:net"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { slowClient } from "./support/slow-client.ts"

const REQUEST_MS = 400
const IDLE_MS = 1_500
/** Connections are looked at each quarter of REQUEST_MS, and this machine may be busy. */
const GRACE_MS = 5_000
const CLIENTS = 50
/** As long as these clients, who share its process, may keep the edge from answering. */
const OTHERS_WAIT_MS = 5_000
/** 50 MB: more than the buffers of both sockets. */
const ASKED_MAX = 1_000_000

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
await publisher.link("hot")

const GET = `GET /hot HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

async function setUp(t: Test, env: NodeJS.ProcessEnv = {}) {
  const edge = await startEdge(t, redis.url, {
    CLIENT_REQUEST_MS: String(REQUEST_MS),
    CLIENT_IDLE_MS: String(IDLE_MS),
    ...env,
  })
  await edge.ready()
  return edge
}

/** The longest that anybody else waited for an answer while `work` went on. */
async function othersMeanwhile(t: Test, edge: Awaited<ReturnType<typeof setUp>>, work: Promise<unknown>) {
  let isOver = false
  let longestMs = 0
  const over = work.finally(() => {
    isOver = true
  })
  do {
    const askedAtMs = performance.now()
    const { status } = await edge.get("/hot")
    longestMs = Math.max(longestMs, performance.now() - askedAtMs)
    if (status !== 302) t.fail(`others got ${status}`)
  } while (!isOver)
  await over
  return longestMs
}

t.test(
  "clients that send their headers a byte at a time are cut, and others are served meanwhile",
  async (t) => {
    const edge = await setUp(t)
    const clients = Array.from({ length: CLIENTS }, () => slowClient(t, edge.port))
    for (const { socket } of clients) socket.write(`GET /hot HTTP/1.1\r\nHost: ${HOST}\r\nX: `)
    const dripping = setInterval(() => {
      for (const { socket } of clients) if (socket.writable) socket.write("x")
    }, 20)
    t.teardown(() => clearInterval(dripping))
    const cuts = Promise.all(clients.map(({ cut }) => cut))
    const waitedMs = await othersMeanwhile(t, edge, cuts)
    for (const ms of await cuts) t.ok(ms >= REQUEST_MS && ms < REQUEST_MS + GRACE_MS, `after ${ms} ms`)
    for (const client of clients) t.match(client.received(), /^HTTP\/1\.1 408 /)
    t.ok(waitedMs < OTHERS_WAIT_MS, `${waitedMs} ms`)
  },
)

t.test("clients that connect and send nothing are cut", async (t) => {
  const edge = await setUp(t)
  const clients = Array.from({ length: CLIENTS }, () => slowClient(t, edge.port))
  const cuts = Promise.all(clients.map(({ cut }) => cut))
  const waitedMs = await othersMeanwhile(t, edge, cuts)
  for (const ms of await cuts) t.ok(ms >= REQUEST_MS && ms < REQUEST_MS + GRACE_MS, `after ${ms} ms`)
  t.ok(waitedMs < OTHERS_WAIT_MS, `${waitedMs} ms`)
})

t.test("a client whose form never comes is cut", async (t) => {
  const edge = await setUp(t)
  await publisher.link("locked", { password: { hash: "$scrypt$none", version: 1 } })
  const type = "Content-Type: application/x-www-form-urlencoded"
  const { socket, cut } = slowClient(t, edge.port)
  socket.write(`POST /locked HTTP/1.1\r\nHost: ${HOST}\r\n${type}\r\nContent-Length: 20\r\n\r\npassword=`)
  t.ok((await cut) < REQUEST_MS + GRACE_MS)
})

for (const [what, start] of [
  ["header", `GET /hot HTTP/1.1\r\nHost: ${HOST}\r\nX: `],
  ["url", "GET /"],
] as const) {
  t.test(
    `a client that sends an endless ${what} is refused when it has sent too much, and cut`,
    async (t) => {
      const edge = await setUp(t, { CLIENT_REQUEST_MS: "60000" })
      const { socket, received, cut } = slowClient(t, edge.port)
      socket.write(start)
      const more = "a".repeat(4_096)
      const flood = () => {
        while (socket.writable && socket.write(more));
      }
      socket.on("drain", flood)
      flood()
      t.ok((await cut) < 30_000, "not for being slow")
      socket.destroy()
      t.match(
        received(),
        /^(HTTP\/1\.1 431 |$)/,
        "or nothing, as what it sent meanwhile resets the connection",
      )
      t.equal((await edge.get("/hot")).status, 302)
    },
  )
}

t.test(
  "what a client asks and never reads is answered until its socket is full, and then it is cut",
  async (t) => {
    const edge = await setUp(t, { CLIENT_REQUEST_MS: "60000" })
    await edge.get("/hot")
    const accepted = once(edge.app.server, "connection")
    const { socket, cut } = slowClient(t, edge.port)
    const [theirs]: Socket[] = await accepted
    socket.pause()
    const pipelined = GET.repeat(1_000)
    let asked = 0
    const flood = () => {
      while (socket.writable && asked < ASKED_MAX && socket.write(pipelined)) asked += 1_000
    }
    socket.on("drain", flood)
    flood()
    let heldBytes = 0
    let movedAtMs = performance.now()
    let movedBytes = 0
    const watch = setInterval(() => {
      const { bytesWritten = 0, writableLength = 0 } = theirs ?? {}
      heldBytes = Math.max(heldBytes, writableLength)
      const takenBytes = bytesWritten - writableLength
      if (takenBytes === movedBytes) return
      movedBytes = takenBytes
      movedAtMs = performance.now()
    }, 5)
    const waitedMs = await othersMeanwhile(t, edge, cut)
    clearInterval(watch)
    const ms = performance.now() - movedAtMs
    t.ok(ms < 2 * IDLE_MS + GRACE_MS, `after ${ms} ms`)
    t.ok(asked < ASKED_MAX, "it could not even ask on")
    t.ok(heldBytes > 0 && heldBytes < 1_000_000, `${heldBytes} bytes`)
    t.ok(waitedMs < OTHERS_WAIT_MS, `${waitedMs} ms`)
  },
)

t.test("connections beyond CONNECTIONS_MAX are closed at once, and those that are open go on", async (t) => {
  const edge = await setUp(t, { CONNECTIONS_MAX: "10", CLIENT_REQUEST_MS: "60000" })
  const clients = Array.from({ length: 12 }, () => slowClient(t, edge.port))
  await Promise.all(clients.slice(10).map(({ cut }) => cut))
  for (const { socket } of clients.slice(0, 10)) socket.write(GET)
  await Promise.all(clients.slice(0, 10).map(({ cut }) => cut))
  for (const client of clients.slice(0, 10)) t.match(client.received(), /^HTTP\/1\.1 302 /)
})

t.test("a connection that is kept without a request is closed", async (t) => {
  const edge = await setUp(t)
  const clients = Array.from({ length: CLIENTS }, () => slowClient(t, edge.port))
  for (const { socket } of clients) socket.write(GET)
  for (const ms of await Promise.all(clients.map(({ cut }) => cut))) {
    t.ok(ms >= IDLE_MS && ms < IDLE_MS + GRACE_MS, `after ${ms} ms`)
  }
  for (const client of clients) t.match(client.received(), /^HTTP\/1\.1 302 /)
})
