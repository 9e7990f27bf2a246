import { once } from "node:events"
import { connect } from "node:net"
import { sql } from "kysely"
import pg from "pg"
import t, { type Test } from "tap"
import { createDatabase } from "../../test/support/database.ts"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { toProblem } from "../src/plugins/problems.ts"
import { type Answer, expectProblem, type ProblemBody, startAdmin } from "./support/admin.ts"

const redis = await startRedis(t, { appendOnly: false })

t.test(
  "while the database is away every answer is a 503 with Retry-After, and after it all is well",
  async (t) => {
    const database = await createDatabase(t)
    const proxy = await startProxy(t, Number(new URL(database.url).port) || 5432)
    const admin = await startAdmin(t, { redis, databaseUrl: proxy.through(database.url) })
    const expectAway = (answer: Answer<ProblemBody>) => {
      expectProblem(t, answer, 503, "database_unavailable")
      t.ok(Number(answer.headers["retry-after"]) > 0)
      t.notMatch(answer.text, /ECONN|postgres|select|pg_|127\.0|terminat/i, "tells nothing internal")
    }
    proxy.refuse()
    proxy.cut()
    for (let i = 0; i < 5; i++) {
      expectAway(await admin.call("GET", "/v1/links"))
      expectAway(await admin.call("POST", "/v1/links", { url: "https://a.example/" }))
    }
    proxy.accept()
    t.equal((await admin.call("POST", "/v1/links", { url: "https://a.example/" })).status, 201)
  },
)

t.test("a connection that is lost in the middle of a write is a 503, and nothing of it stays", async (t) => {
  const admin = await startAdmin(t, { redis })
  const link = await admin.newLink()
  const client = new pg.Client(admin.databaseUrl)
  await client.connect()
  t.teardown(() => client.end())
  await client.query("begin")
  await client.query("select 1 from links where id = $1 for update", [link.id])
  const patch = admin.call("PATCH", `/v1/links/${link.id}`, { title: "x" }, { "idempotency-key": "lost" })
  const kill = sql`select pg_terminate_backend(pid) from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`
  await waitFor("the write to wait, and its end", async () => (await kill.execute(admin.db)).rows.length)
  expectProblem(t, await patch, 503, "database_unavailable")
  await client.query("commit")
  const again = await admin.call(
    "PATCH",
    `/v1/links/${link.id}`,
    { title: "x" },
    { "idempotency-key": "lost" },
  )
  t.equal(again.status, 200)
  t.equal(again.headers["idempotency-replayed"], undefined)
})

t.test("a path or method that is none is a 404 problem, with or without a key", async (t) => {
  const admin = await startAdmin(t, { redis })
  const cases = [
    ["GET", "/"],
    ["GET", "/v1"],
    ["GET", "/v1/nothing"],
    ["GET", "/v1/links/a/b"],
    ["PUT", "/v1/tags"],
    ["DELETE", "/v1/links"],
    ["POST", "/v1/links/x"],
  ] as const
  for (const [method, path] of cases) {
    for (const call of [admin.call, admin.as(null)]) {
      const answer = await call(method, path)
      t.equal(answer.status, 404, `${method} ${path}`)
      t.match(answer.headers["content-type"], /^application\/problem\+json/)
    }
  }
})

t.test("over a socket: what is not HTTP is refused, and an odd path is a problem", async (t) => {
  const admin = await startAdmin(t, { redis })
  await admin.app.listen({ host: "127.0.0.1", port: 0 })
  const address = admin.app.server.address()
  const port = typeof address === "object" && address ? address.port : 0
  t.match(await send(t, port, "NOT HTTP\r\n\r\n"), /^HTTP\/1\.1 400 /)
  const close = "Host: x\r\nConnection: close\r\n\r\n"
  t.match(
    await send(t, port, `GET /v1/links/%zz HTTP/1.1\r\n${close}`),
    /^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/,
  )
  t.match(
    await send(t, port, `GET http://evil.example/v1/openapi.json HTTP/1.1\r\n${close}`),
    /^HTTP\/1\.1 (200|404) /,
  )
})

t.test("an error that nobody foresaw is a 500 that tells nothing", async (t) => {
  for (const err of [new Error("secret"), Object.assign(new Error("secret"), { statusCode: 502 })]) {
    const problem = toProblem(Object.assign(err, { code: "X", name: "Y" }) as Parameters<typeof toProblem>[0])
    t.match(problem, { status: 500, code: "internal_error" })
    t.notMatch(problem.message, /secret/)
  }
})

async function send(t: Test, port: number, bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  t.teardown(() => socket.destroy())
  let text = ""
  socket.on("data", (chunk) => {
    text += chunk
  })
  socket.write(bytes)
  await once(socket, "close")
  return text
}
