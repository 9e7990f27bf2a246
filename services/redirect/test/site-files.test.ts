import { request } from "node:http"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { startProxy } from "../../test/support/tcp-proxy.ts"
import { waitFor } from "../../test/support/wait.ts"
import { startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"

const redis = await startRedis(t, { appendOnly: false })
const proxy = await startProxy(t, redis.port)
const publisher = await startPublisher(t, redis.url)
const edge = await startEdge(t, redis.url, {}, { records: proxy.through(redis.url) })
await edge.ready()

const OWN = "own.example.com"
const ODD_BYTES = Buffer.from([0, 255, 254, 13, 10, 13, 0x80, 0xef, 0xbb, 0xbf, 10])

const get = (path: string, host = OWN) => edge.get(path, { headers: { host } })

/** The body as it came, byte for byte. */
function bytesOf(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: edge.port, path, headers: { host: OWN }, agent: false }
    const req = request(options, async (res) => resolve(Buffer.concat(await res.toArray())))
    req.on("error", reject).end()
  })
}

t.test("a domain's files are served at its root, byte for byte", async (t) => {
  const files = new Map([
    ["MP_verify_7kQ.txt", ODD_BYTES],
    ["page.html", Buffer.from("<script>alert(1)</script>")],
    ["data.json", Buffer.from("{}")],
    ["sitemap.xml", Buffer.from("<x/>")],
    ["WW_verify.", Buffer.from("no extension")],
    ["empty.txt", Buffer.alloc(0)],
  ])
  await publisher.domain(OWN, { files })
  for (const [name, bytes] of files) t.same(await bytesOf(`/${name}`), bytes, name)
  const types: Record<string, string> = {
    "MP_verify_7kQ.txt": "text/plain; charset=utf-8",
    "page.html": "text/html; charset=utf-8",
    "data.json": "application/json",
    "sitemap.xml": "application/xml",
    "WW_verify.": "application/octet-stream",
  }
  for (const [name, type] of Object.entries(types)) {
    const { status, headers } = await get(`/${name}?x=1`)
    t.equal(status, 200)
    t.equal(headers["content-type"], type)
    t.equal(headers["x-content-type-options"], "nosniff")
    t.equal(headers["content-security-policy"], "sandbox", "no script of it runs under this host")
    t.equal(headers["cache-control"], "public, max-age=300")
  }
  const head = await edge.get("/MP_verify_7kQ.txt", { method: "HEAD", headers: { host: OWN } })
  t.equal(head.headers["content-length"], String(ODD_BYTES.length))
  t.equal(head.body, "")
  for (const path of [
    "/mp_verify_7kQ.txt",
    "/MP_verify_7kQ.txt/",
    "/x/page.html",
    "/page.htm",
    "/__proto__",
  ]) {
    t.equal((await get(path)).status, 404, path)
  }
  t.equal((await get("/MP_verify_7kQ.txt", HOST)).status, 404, "of another domain")
  t.equal((await edge.get("/page.html", { method: "POST", headers: { host: OWN } })).status, 405)
})

t.test(
  "apps are told of by the domain, as JSON and without a redirect, and nothing else is well known",
  async (t) => {
    const apple = '{"applinks":{"details":[{"appIDs":["TEAM.com.example.app"]}]}}'
    const android = '[{"relation":["delegate_permission/common.handle_all_urls"]}]'
    await publisher.domain(OWN, { appleAppSiteAssociation: apple, assetLinks: android })
    for (const [path, body] of [
      ["/.well-known/apple-app-site-association", apple],
      ["/.well-known/assetlinks.json", android],
    ] as const) {
      const isThere = async () => (await get(path)).status === 200
      await waitFor(path, isThere, { timeoutMs: 1_000 })
      const answer = await get(path)
      t.equal(answer.body, body)
      t.equal(answer.headers["content-type"], "application/json")
      t.equal((await get(path, HOST)).status, 404)
    }
    for (const path of ["/.well-known", "/.well-known/", "/.well-known/x", "/assetlinks.json"]) {
      t.equal((await get(path)).status, 404, path)
    }
  },
)

t.test("an edit of a file shows at once", async () => {
  for (const version of ["one", "two"]) {
    await publisher.domain(OWN, { files: new Map([["v.txt", Buffer.from(version)]]) })
    await waitFor(version, async () => (await get("/v.txt")).body === version, { timeoutMs: 1_000 })
  }
  await publisher.domain(OWN)
  await waitFor("its end", async () => (await get("/v.txt")).status === 404, { timeoutMs: 1_000 })
})

t.test("robots are answered by the domain, else let in", async (t) => {
  await publisher.domain(OWN, { robotsTxt: "User-agent: *\nDisallow: /\n" })
  await waitFor("its own", async () => (await get("/robots.txt")).body.includes("Disallow"), {
    timeoutMs: 1_000,
  })
  t.match((await get("/robots.txt")).headers["content-type"], "text/plain")
  t.equal((await get("/robots.txt", HOST)).body, "User-agent: *\nAllow: /\n")
  t.equal((await get("/robots.txt", "foreign.example.com")).status, 421)
})

t.test("files are read on a miss like any record, and a Redis that is away is said as 503", async (t) => {
  await publisher.domain("cold.example.com", { files: new Map([["a.txt", Buffer.from("a")]]) })
  t.equal((await get("/a.txt", "cold.example.com")).body, "a")
  proxy.refuse()
  proxy.cut()
  t.equal((await get("/a.txt", "unread.example.com")).status, 503)
  t.equal((await get("/a.txt", "cold.example.com")).body, "a")
})
