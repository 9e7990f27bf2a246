import { SYNTHETIC_HEADER, syntheticValue } from "@qiao/core/synthetic.ts"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { waitFor } from "../../test/support/wait.ts"
import { parity, startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { rule } from "./support/rule.ts"
import { asSafari, asWechat, SAFARI } from "./support/visitors.ts"

const SECRET = "what load tests and monitors sign with"
const DAY_SECONDS = 86_400

const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url, { SYNTHETIC_SECRET: SECRET })
await edge.ready()

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds
const VALID = syntheticValue(SECRET, inSeconds(3_600))

const as = (value: string, { headers } = asSafari) => ({ headers: { ...headers, [SYNTHETIC_HEADER]: value } })

/** Whether each visit of a link was recorded as synthetic, in order. */
async function recordedAs(code: string, visits: number) {
  return (await publisher.recorded(`lnk_${code}`, visits)).map(({ synthetic }) => synthetic)
}

t.test("a signed header makes a visit synthetic, whoever visits", async (t) => {
  await publisher.link("signed", { guidePlatforms: new Set(["wechat"]) })
  await edge.get("/signed", as(VALID))
  await edge.get("/signed", as(VALID, asWechat))
  await edge.get("/signed", { method: "HEAD", ...as(VALID) })
  await edge.get("/signed", asSafari)
  t.same(await recordedAs("signed", 4), [true, true, true, false])
  const seen = await publisher.recorded("lnk_signed", 4)
  t.same(
    seen.map(({ outcome, automated }) => [outcome, automated]),
    [
      ["redirect", false],
      ["guide", false],
      ["redirect", true],
      ["redirect", false],
    ],
  )
})

t.test("a wrong, expired or far-future header is an ordinary visit", async (t) => {
  await publisher.link("unsigned")
  const [expiry = "", signature = ""] = VALID.split(".")
  const values = [
    syntheticValue("another secret, as long as ours is", inSeconds(60)),
    syntheticValue(SECRET, inSeconds(-1)),
    syntheticValue(SECRET, inSeconds(7 * DAY_SECONDS + 60)),
    syntheticValue(SECRET, 999_999_999_999),
    `${Number(expiry) + 1}.${signature}`,
    `0${VALID}`,
    `${VALID}=`,
    `${VALID}, ${VALID}`,
    signature,
    expiry,
    "true",
    "",
    "x".repeat(4_000),
  ]
  for (const value of values) t.equal((await edge.get("/unsigned", as(value))).status, 302, value)
  await edge.get("/unsigned", as(syntheticValue(SECRET, inSeconds(7 * DAY_SECONDS - 60))))
  t.same(await recordedAs("unsigned", values.length + 1), [...values.map(() => false), true])
  const { valid, invalid } = edge.synthetic.counters
  t.equal(invalid, values.length)
  t.match(await edge.registry.metrics(), `qiao_edge_synthetic_headers_total{signature="valid"} ${valid}`)
})

t.test("one that was good is an ordinary visit as soon as it has expired", async (t) => {
  await publisher.link("expiring")
  const value = syntheticValue(SECRET, inSeconds(2))
  await edge.get("/expiring", as(value))
  let visits = 1
  await waitFor("the header to expire", async () => {
    const { invalid } = edge.synthetic.counters
    await edge.get("/expiring", as(value))
    visits++
    return edge.synthetic.counters.invalid > invalid
  })
  const seen = await recordedAs("expiring", visits)
  t.equal(seen[0], true)
  t.equal(seen.at(-1), false)
})

t.test("without a secret nothing is synthetic", async (t) => {
  const other = await startEdge(t, redis.url)
  await other.ready()
  await publisher.link("secretless")
  await other.get("/secretless", as(VALID))
  await other.get("/secretless", as(syntheticValue("", inSeconds(60))))
  t.same(await recordedAs("secretless", 2), [false, false])
})

t.test("synthetic visits get byte for byte what others get", async (t) => {
  const elsewhere = "https://elsewhere.example.com/"
  await publisher.tombstone("deleted")
  const links: Record<string, Parameters<typeof publisher.link>[1]> = {
    plain: {},
    guided: { guidePlatforms: new Set(["wechat"]) },
    denied: { allowPlatforms: new Set(["qq"]) },
    over: { expiresAt: 1 },
    locked: { password: { hash: "$scrypt$…", version: 1 } },
    capped: { maxClicks: 1_000_000 },
    spent: { maxClicks: 1, expiredUrl: elsewhere },
    ruled: { rules: [rule({ platform: ["wechat"] }, { redirect: elsewhere })] },
    app: { rules: [rule({}, { app: { android: { scheme: "myapp://item/1" } } })] },
  }
  for (const [code, fields] of Object.entries(links)) await publisher.link(code, fields)
  await publisher.use("spent", 1)
  const others = ["/plain+", "/plain+report", "/deleted", "/unknown", "/un.known", "/", "/robots.txt"]
  for (const path of [...Object.keys(links).map((code) => `/${code}`), ...others]) {
    for (const method of ["GET", "HEAD", "PUT"]) {
      for (const visitor of [asSafari, asWechat]) {
        const ordinary = await edge.get(path, { method, ...visitor })
        const synthetic = await edge.get(path, { method, ...as(VALID, visitor) })
        t.same(parity(synthetic), parity(ordinary), `${method} ${path}`)
      }
    }
  }
})

t.test("automated and synthetic visits use up no maxClicks, and see that none is left", async (t) => {
  await publisher.link("watched", { maxClicks: 2 })
  const curl = { headers: { "user-agent": "curl/8.5.0" } }
  const prefetch = { headers: { "user-agent": SAFARI, "sec-purpose": "prefetch" } }
  const withoutUse = [as(VALID), { method: "HEAD", ...asSafari }, curl, prefetch]
  for (const asked of withoutUse) t.equal((await edge.get("/watched", asked)).status, 302)
  t.equal(await publisher.used("watched"), "0")
  for (const status of [302, 302, 410]) t.equal((await edge.get("/watched", asSafari)).status, status)
  for (const asked of withoutUse) t.equal((await edge.get("/watched", asked)).status, 410)
  t.equal(await publisher.used("watched"), "2")
})

t.test("a path that no link has is counted for its owner, whoever asks", async (t) => {
  const other = await startEdge(t, redis.url, {
    SYNTHETIC_SECRET: SECRET,
    UNKNOWN_CODES_PER_MINUTE: "10",
  })
  await other.ready()
  const host = "orphans.example.com"
  await publisher.domain(host, { notFoundUrl: "https://shop.example.com/404" })
  const get = (path: string, { headers = {}, method = "GET" } = {}, on = HOST) =>
    other.get(path, { method, headers: { ...asSafari.headers, ...headers, host: on } })

  t.equal((await get("/lost/in/space?secret=1")).status, 404)
  t.equal((await get("/lost/in/space?secret=2", { headers: { "user-agent": "curl/8.5.0" } })).status, 404)
  t.equal((await get("/lost/in/space", { method: "HEAD" })).status, 404)
  t.equal((await get("/not%20a%20code")).status, 404)
  t.equal((await get("/gone-astray", {}, host)).headers.location, "https://shop.example.com/404")
  t.equal((await get("/system.php")).status, 404)
  t.equal((await get("/lost+")).status, 404)
  t.equal((await get("/posted", { method: "POST" })).status, 405)
  t.equal((await get("/probed", as(VALID))).status, 404, "a monitor's are counted nowhere")
  t.equal((await get("/last-one")).status, 404)
  t.equal((await get("/limited")).status, 429)
  t.equal((await get("/", {})).status, 404)

  const orphans = async () => {
    const batches = (await publisher.batches()).filter(({ instance }) => instance === other.clicks.instance)
    const paths: Record<string, number> = {}
    for (const { host, path, visits } of batches.flatMap((batch) => batch.orphans)) {
      paths[host + path] = (paths[host + path] ?? 0) + visits
    }
    return paths
  }
  await waitFor("the last one", async () => (await orphans())[`${HOST}/last-one`] === 1)
  t.same(await orphans(), {
    [`${HOST}/lost/in/space`]: 3,
    [`${HOST}/not%20a%20code`]: 1,
    [`${host}/gone-astray`]: 1,
    [`${HOST}/last-one`]: 1,
  })
  t.equal(other.clicks.counters.accepted, 0, "they are visits of no link")
})
