import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { caller, expectProblem, startAdmin, startApp } from "./support/admin.ts"

const redis = await startRedis(t, { appendOnly: false })
const env = {
  RATE_LIMIT_PER_MINUTE: "10",
  RATE_LIMIT_ANONYMOUS_PER_MINUTE: "5",
  TRUSTED_PROXIES: "127.0.0.0/8",
}
const admin = await startAdmin(t, { redis, env })
const second = await startApp(t, { ...env, DATABASE_URL: admin.databaseUrl, REDIS_URL: redis.url })

t.test("a key has one budget over all servers, and is told what is left of it", async (t) => {
  const key = await admin.newKey(["links:read"])
  const callers = [caller(admin.app, key), caller(second, key)] as const
  for (let used = 1; used <= 10; used++) {
    const answer = await callers[used % 2 === 0 ? 0 : 1]("GET", "/v1/links")
    t.equal(answer.status, 200)
    t.match(answer.headers, { "ratelimit-limit": "10", "ratelimit-remaining": String(10 - used) })
    const reset = Number(answer.headers["ratelimit-reset"])
    t.ok(reset > 0 && reset <= 60, `resets in ${reset} s`)
    t.equal(answer.headers["retry-after"], undefined)
  }
  for (const call of callers) {
    const answer = await call("GET", "/v1/links")
    expectProblem(t, answer, 429, "rate_limited")
    t.equal(answer.headers["ratelimit-remaining"], "0")
    const wait = Number(answer.headers["retry-after"])
    t.ok(Number.isInteger(wait) && wait > 0 && wait <= 60, `try again in ${wait} s`)
  }
  const other = caller(admin.app, await admin.newKey(["links:read"]))
  t.equal((await other("GET", "/v1/links")).status, 200, "another key has a budget of its own")
})

t.test("who has no known key is limited by network, whatever keys are tried", async (t) => {
  const from = (address: string) => ({ "x-forwarded-for": address })
  const guess = (i: number, address: string) =>
    admin.as(`qk_${String(i).padStart(32, "0")}`)("GET", "/v1/links", undefined, from(address))
  for (let i = 0; i < 5; i++) expectProblem(t, await guess(i, "198.51.100.7"), 401, "unknown_key")
  expectProblem(t, await guess(9, "198.51.100.7"), 429, "rate_limited")
  const nobody = admin.as(null)
  expectProblem(t, await nobody("POST", "/v1/links", "{", from("198.51.100.7")), 429, "rate_limited")
  expectProblem(t, await guess(9, "198.51.100.8"), 401, "unknown_key")
  const known = caller(second, await admin.newKey(["links:read"]))
  t.equal(
    (await known("GET", "/v1/links", undefined, from("198.51.100.7"))).status,
    200,
    "a known key is not",
  )
})

t.test("an address is taken from X-Forwarded-For only where the proxy is trusted", async (t) => {
  const open = await startApp(t, {
    RATE_LIMIT_ANONYMOUS_PER_MINUTE: "3",
    DATABASE_URL: admin.databaseUrl,
    REDIS_URL: redis.url,
  })
  await redis.flush()
  const nobody = caller(open, null)
  const statuses: number[] = []
  for (let i = 0; i < 5; i++) {
    statuses.push(
      (await nobody("GET", "/v1/links", undefined, { "x-forwarded-for": `203.0.113.${i}` })).status,
    )
  }
  t.same(statuses, [401, 401, 401, 429, 429])
})

t.test("while Redis is away requests go on, unlimited", async (t) => {
  if (!redis.isOurs) return void t.pass("skipped: the Redis was given by REDIS_URL")
  await redis.kill()
  const call = caller(admin.app, await admin.newKey(["links:read", "links:write"]))
  for (let i = 0; i < 12; i++) t.equal((await call("GET", "/v1/links")).status, 200)
  t.equal((await call("POST", "/v1/links", { url: "https://a.example/" })).status, 201)
})
