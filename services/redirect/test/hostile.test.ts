import { once } from "node:events"
import { connect } from "node:net"
import t from "tap"
import { seededRandom } from "../../../packages/core/test/support/random.ts"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { askRaw, startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url)
await edge.ready()
await publisher.link("fp", { url: "https://shop.example.com/base", forwardPath: true })
await publisher.link("bare", { url: "https://shop.example.com", forwardPath: true })

const request = (target: string, host = HOST) =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
const locationOf = (answer: string) => /^Location: (.*)\r$/m.exec(answer)?.[1]

t.test("no request target, however broken, is answered with a 5xx or a redirect", async (t) => {
  const targets = [
    "/\0",
    "/%00",
    "/%zz",
    "/%",
    "/%c3%28",
    "/%0d%0aSet-Cookie:x=1",
    "//evil.example",
    "///",
    "//fp",
    "/\\evil.example",
    "/%2e%2e/",
    "/..",
    "/../fp",
    "/./fp",
    "/.",
    "/+",
    "/fp+x",
    "/fp+/x",
    "/fp++",
    "/+report",
    "/fp+report/x",
    "/%2b",
    "/.env",
    "/.git/config",
    "/%2e",
    "/a%2fb",
    "/%25zz",
    `/${"a".repeat(10_000)}`,
    `/${"%41".repeat(3_000)}`,
    `/${"é".repeat(200)}`,
    "/\xff\xfe",
    "/%F0%9F%98%80",
    "/#",
    "/?",
    "/;",
    "*",
    "evil.example",
    "http://evil.example/fp",
    "//s.example.com/fp",
    "/%ED%A0%80",
    "/__proto__",
    "/constructor",
    "/q:{1}complete",
    "/fp%00",
    "/fp%0a",
    "/ fp",
  ]
  for (const target of targets) {
    const answer = await askRaw(edge.port, request(target))
    const status = statusOf(answer)
    t.ok(status >= 400 && status < 500, `${JSON.stringify(target.slice(0, 60))} → ${status}`)
    t.equal(locationOf(answer), undefined)
  }
})

t.test("of unknown paths, however broken, its owner is told what any text column can hold", async (t) => {
  await askRaw(edge.port, request("/the-last-one"))
  const orphans = async () => (await publisher.batches()).flatMap((batch) => batch.orphans)
  await waitFor("the last one", async () => (await orphans()).some(({ path }) => path === "/the-last-one"))
  const paths = (await orphans()).map(({ path }) => path)
  t.ok(paths.includes("/%00") && paths.some((path) => path.length === 200))
  for (const path of paths) {
    t.ok(
      path.startsWith("/") && path.length <= 200 && !path.includes("\0") && path.isWellFormed(),
      JSON.stringify(path.slice(0, 60)),
    )
  }
})

t.test("no Host header, however broken, is answered with a 5xx or a redirect", async (t) => {
  const hosts = [
    "",
    " ",
    "evil.example",
    `${HOST}@evil.example`,
    `${HOST}/x`,
    `${HOST}?x`,
    `${HOST}#x`,
    `${HOST}\\x`,
    "[::1]",
    "[",
    "]",
    "%",
    "a".repeat(5_000),
    `${HOST}:99999`,
    `${HOST}:x`,
    "..",
    ".",
    "xn--",
    "\xff",
    `${HOST}\t`,
    "127.0.0.1",
    "0x7f.1",
    "é.example",
    `${HOST}\r\nHost: ${HOST}`,
    "__proto__",
  ]
  for (const host of hosts) {
    const status = statusOf(await askRaw(edge.port, request("/lost", host)))
    t.ok(status >= 400 && status < 500, `${JSON.stringify(host.slice(0, 60))} → ${status}`)
  }
  t.equal(statusOf(await askRaw(edge.port, "GET /fp HTTP/1.0\r\n\r\n")), 421)
  t.equal(statusOf(await askRaw(edge.port, "GET /fp HTTP/1.1\r\n\r\n")), 400)
  t.equal(
    statusOf(
      await askRaw(edge.port, `GET /fp HTTP/1.1\r\nHost: ${HOST}\r\nX: ${"x".repeat(20_000)}\r\n\r\n`),
    ),
    431,
  )
})

t.test("forwarding never leaves the target's origin and path, whatever is added", async (t) => {
  const extras = [
    "/..",
    "/../..",
    "/%2e%2e",
    "/%2e%2e/%2e%2e/x",
    "/.%2e/x",
    "//evil.example",
    "//evil.example/..",
    "/\\evil.example",
    "/%5cevil",
    "/%2f%2fevil.example",
    "/@evil.example",
    "/:80",
    "/;/../x",
    "/a/../../x",
    "/\t/x",
    "/%09/x",
    "/%0d%0aX:1",
    "/?next=//evil.example",
    "?//evil.example",
    "?url=https://evil.example",
    "?%0d%0aLocation:https://evil.example",
    "?a=1#@evil.example",
    "?\\evil",
    "?\xff",
    "/a?b?c",
    "/%00",
    "/x".repeat(3_000),
    `?${"a=b&".repeat(2_000)}`,
  ]
  for (const code of ["fp", "bare"]) {
    for (const extra of extras) {
      const answer = await askRaw(edge.port, request(`/${code}${extra}`))
      const status = statusOf(answer)
      const location = locationOf(answer)
      if (location === undefined) {
        t.ok(status >= 400 && status < 500, `${extra.slice(0, 40)} → ${status}`)
        continue
      }
      const to = new URL(location)
      t.equal(to.origin, "https://shop.example.com", extra.slice(0, 40))
      t.ok(to.pathname.startsWith(code === "fp" ? "/base" : "/"), location)
      t.equal(to.username, "")
      t.equal(answer.split("\r\n\r\n").length, 2, "one head, no body")
    }
  }
})

t.test("random bytes in path, query and headers never get a 5xx, and the edge lives", async (t) => {
  const random = seededRandom(t)
  const bits = [
    "/",
    "%",
    "..",
    "\\",
    "?",
    "&",
    "=",
    "#",
    "@",
    ":",
    "\0",
    "\t",
    "é",
    "%2f",
    "%00",
    "fp",
    "evil.example",
    "+",
    "a",
  ]
  const text = () => Array.from({ length: random.below(12) }, () => bits[random.below(bits.length)]).join("")
  for (let i = 0; i < 300; i++) {
    const headers = `User-Agent: ${text()}\r\nReferer: ${text()}\r\nAccept-Language: ${text()}\r\nX-Forwarded-For: ${text()}`
    const answer = await askRaw(
      edge.port,
      `GET /${random.below(2) === 0 ? "fp/" : ""}${text()} HTTP/1.1\r\nHost: ${HOST}\r\n${headers}\r\nConnection: close\r\n\r\n`,
    )
    const status = statusOf(answer)
    if (status === 0 || status >= 500) t.fail(`${status}: ${JSON.stringify(answer.slice(0, 200))}`)
    const location = locationOf(answer)
    if (location !== undefined && new URL(location).origin !== "https://shop.example.com") t.fail(location)
  }
  t.equal((await edge.get("/fp")).status, 302)
  t.equal(edge.results.failed, 0)
})

t.test("an absolute-form target is served like its path, and a long query is refused as such", async (t) => {
  const absolute = `GET http://${HOST}/fp HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n\r\n`
  t.equal(statusOf(await askRaw(edge.port, absolute)), 302)
  t.equal((await edge.get(`/fp?x=${"a".repeat(4_000)}`)).status, 302)
  t.equal((await edge.get(`/fp?x=${"a".repeat(5_000)}`)).status, 414)
})

t.test("a client that keeps its side open after an unparsable request is closed all the same", async (t) => {
  const connections = () =>
    new Promise<number>((resolve, reject) =>
      edge.app.server.getConnections((err, count) => (err === null ? resolve(count) : reject(err))),
    )
  await waitFor("no connection", async () => (await connections()) === 0, { timeoutMs: 2_000 })
  const chunks: Buffer[] = []
  const sockets = Array.from({ length: 5 }, () => {
    const socket = connect({ port: edge.port, host: "127.0.0.1", allowHalfOpen: true })
    socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => {})
    t.teardown(() => socket.destroy())
    socket.write("no HTTP at all\r\n\r\n")
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, "end")))
  t.equal(
    Buffer.concat(chunks)
      .toString()
      .match(/^HTTP\/1\.1 400 /gm)?.length,
    5,
  )
  await waitFor("all to be closed", async () => (await connections()) === 0, { timeoutMs: 2_000 })
})
