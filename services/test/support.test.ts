import { once } from "node:events"
import { connect, createServer } from "node:net"
import { Redis } from "ioredis"
import { Client } from "pg"
import t, { type Test } from "tap"
import { randomFrom } from "../../packages/core/test/support/random.ts"
import { freePort } from "../../scripts/lib/ports.ts"
import { run } from "../../scripts/lib/run.ts"
import { countTests } from "../../scripts/lib/test-results.ts"
import { createDatabase } from "./support/database.ts"
import { startRedis } from "./support/redis.ts"
import { startProxy } from "./support/tcp-proxy.ts"
import { waitFor } from "./support/wait.ts"

t.test("waitFor tells what it waited for and what it saw last", async (t) => {
  await t.rejects(
    waitFor("rain", () => Promise.reject(new Error("sunny")), { timeoutMs: 30 }),
    { message: "waited 30 ms for rain; last seen: sunny" },
  )
  t.equal(await waitFor("a value", () => 7), 7)
})

t.test("the same seed gives the same numbers, evenly spread", async (t) => {
  const [one, same] = [randomFrom(42), randomFrom(42)]
  const numbers = Array.from({ length: 10_000 }, () => one.below(10))
  t.same(
    numbers,
    Array.from({ length: 10_000 }, () => same.below(10)),
  )
  for (let digit = 0; digit < 10; digit++) {
    const count = numbers.filter((number) => number === digit).length
    t.ok(count > 850 && count < 1150, `${digit} came ${count} times`)
  }
  t.same(one.shuffle([1, 2, 3, 4]).sort(), [1, 2, 3, 4])
})

t.test("a port given to one process is not given to another, though none listens on it", async (t) => {
  const source = new URL("../../scripts/lib/ports.ts", import.meta.url)
  const sixty = "await Promise.all(Array.from({ length: 60 }, freePort))"
  const script = `import { freePort } from "${source}"; console.log(JSON.stringify(${sixty}))`
  const ours = await Promise.all(Array.from({ length: 60 }, freePort))
  const theirs = JSON.parse(await run(process.execPath, ["--input-type=module", "--eval", script]))
  t.equal(new Set([...ours, ...theirs]).size, 120)
})

t.test("every database is migrated and alone, however many are made at once", async (t) => {
  const databases = await Promise.all(Array.from({ length: 4 }, () => createDatabase(t)))
  t.equal(new Set(databases.map(({ url }) => url)).size, 4)
  for (const { url } of databases) {
    const client = new Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query("SELECT FROM pg_tables WHERE schemaname = 'public'")
    t.ok(rows.length > 0, "it has tables")
    await client.end()
  }
})

t.test("a Redis comes back with its data after a restart and after a kill", async (t) => {
  const server = await startRedis(t)
  if (!server.isOurs) return void t.pass("skipped: the Redis was given by REDIS_URL")
  await withRedis(server.url, (redis) => redis.set("kept", "yes"))
  await server.restart()
  await withRedis(server.url, async (redis) => t.equal(await redis.get("kept"), "yes"))
  await withRedis(server.url, (redis) => redis.config("SET", "appendfsync", "always"))
  await withRedis(server.url, (redis) => redis.set("kept", "still"))
  await server.kill()
  await server.restart()
  await withRedis(server.url, async (redis) => t.equal(await redis.get("kept"), "still"))
  await server.flush()
  await withRedis(server.url, async (redis) => t.equal(await redis.dbsize(), 0))
})

t.test("the proxy holds back, refuses and cuts", async (t) => {
  const echo = await startEcho(t)
  const proxy = await startProxy(t, echo.port)
  const socket = connect(proxy.port, "127.0.0.1")
  socket.on("error", () => undefined)
  let received = ""
  socket.on("data", (chunk) => {
    received += chunk
  })
  socket.write("a")
  await waitFor("the echo", () => received === "a")

  proxy.pause()
  socket.write("b")
  await t.rejects(waitFor("an echo while paused", () => received === "ab", { timeoutMs: 100 }))
  proxy.resume()
  await waitFor("the echo after it", () => received === "ab")

  proxy.cut()
  await once(socket, "close")

  proxy.refuse()
  const refused = connect(proxy.port, "127.0.0.1")
  refused.on("error", () => undefined)
  await once(refused, "close")
  t.equal(refused.bytesRead, 0)

  proxy.accept()
  const accepted = connect(proxy.port, "127.0.0.1")
  accepted.write("c")
  const [answer] = await once(accepted, "data")
  t.equal(String(answer), "c")
  accepted.destroy()
})

t.test("cutAfter lets a command be done and loses its answer", async (t) => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  const url = proxy.through(server.url)
  await withRedis(url, async (redis) => {
    await redis.ping()
    const done = proxy.cutAfter(Buffer.byteLength("*2\r\n$4\r\nINCR\r\n$3\r\nhit\r\n"))
    await t.rejects(redis.incr("hit"))
    await done
  })
  await withRedis(server.url, async (redis) => t.equal(await redis.get("hit"), "1"))
})

t.test("loseAnswerTo lets the command with a text be done and loses its answer, and no other", async (t) => {
  const server = await startRedis(t)
  const proxy = await startProxy(t, server.port)
  await withRedis(proxy.through(server.url), async (redis) => {
    const done = proxy.loseAnswerTo("incr")
    t.equal(await redis.set("other", "yes"), "OK")
    await t.rejects(redis.incr("hit"))
    await done
  })
  await withRedis(server.url, async (redis) => t.equal(await redis.get("hit"), "1"))
})

t.test("pauseIn holds a connection some bytes after a text", async (t) => {
  const echo = await startEcho(t)
  const proxy = await startProxy(t, echo.port)
  const socket = connect(proxy.port, "127.0.0.1")
  let received = ""
  socket.on("data", (chunk) => {
    received += chunk
  })
  const paused = proxy.pauseIn("copy", 3)
  socket.write("copy")
  await waitFor("the text to be echoed", () => received === "copy")
  socket.write("abcdef")
  await paused
  t.equal(received, "copy", "the answer is held as well")
  proxy.resume()
  await waitFor("the rest", () => received === "copyabcdef")
  socket.destroy()
})

t.test("tests are counted from tap's report", async (t) => {
  const report = `
# Subtest: a.test.ts
    # Subtest: good
        ok 1 - inner
    ok 1 - good # time=1ms
    not ok 2 - bad # time=1ms
    ok 3 - elsewhere # SKIP no such system
    not ok 4 - later # TODO
not ok 1 - a.test.ts # time=3ms
# Subtest: crashed.test.ts
    ok 1 - good # time=1ms
not ok 2 - crashed.test.ts # time=3ms
# Subtest: empty.test.ts
ok 3 - empty.test.ts # SKIP no tests found
`
  t.same(countTests(report), { passed: 2, failed: 2, skipped: 2 })
  t.same(countTests(""), { passed: 0, failed: 0, skipped: 0 })
})

async function startEcho(t: Test) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined)
    socket.pipe(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.teardown(() => server.close())
  const address = server.address()
  return { port: typeof address === "object" && address ? address.port : 0 }
}

async function withRedis(url: string, use: (redis: Redis) => Promise<unknown>) {
  const redis = new Redis(url, { maxRetriesPerRequest: 0 })
  redis.on("error", () => undefined)
  try {
    await use(redis)
  } finally {
    redis.disconnect()
  }
}
