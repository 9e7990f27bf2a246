import { hashPassword } from "@qiao/core/password.ts"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { type Asked, parity, startEdge } from "./support/edge.ts"
import { HOST, startPublisher } from "./support/publisher.ts"
import { rule } from "./support/rule.ts"
import { WECHAT, ZH } from "./support/visitors.ts"

/*
 * A crawler or scanner of a platform gets byte for byte what a person with the same request gets, whatever a link does.
 */
const redis = await startRedis(t, { appendOnly: false })
const publisher = await startPublisher(t, redis.url)
// More wrong passwords than one client may try are posted here.
const edge = await startEdge(t, redis.url, { TRUSTED_PROXIES: "127.0.0.1", PASSWORD_TRIES: "1000" })
await edge.ready()

const elsewhere = "https://elsewhere.example.com/"
const onWechat = { platform: ["wechat" as const] }
const split = [
  { url: "https://a.example.com/", weight: 1 },
  { url: "https://b.example.com/", weight: 1 },
]
const password = { hash: await hashPassword("sesame", Buffer.alloc(16)), version: 1 }

await publisher.bans({ hosts: ["banned.example.com"] })
await publisher.ruleSet("rls_wx", [rule(onWechat, { redirect: elsewhere })])
await publisher.tombstone("deleted")
const links: Record<string, Parameters<typeof publisher.link>[1]> = {
  plain: {},
  forwarded: { forwardPath: true },
  allowed: { allowPlatforms: new Set(["wechat"]) },
  denied: { allowPlatforms: new Set(["qq"]) },
  guided: { guidePlatforms: new Set(["wechat"]) },
  early: { startsAt: Date.now() + 3_600_000 },
  over: { expiresAt: 1 },
  fallback: { expiresAt: 1, expiredUrl: elsewhere },
  off: { enabled: false },
  banned: { banned: true },
  evil: { url: "https://banned.example.com/" },
  locked: { password },
  capped: { maxClicks: 1_000_000 },
  shared: { ruleSetId: "rls_wx" },
  redirecting: { rules: [rule(onWechat, { redirect: elsewhere })] },
  guiding: { rules: [rule(onWechat, { guide: true })] },
  denying: { rules: [rule(onWechat, { deny: true })] },
  splitting: { rules: [rule({}, { split })] },
  app: { rules: [rule({}, { app: { android: { scheme: "myapp://item/1" } } })] },
  mini: { rules: [rule({}, { miniProgram: { appId: "wx0123456789abcdef", name: "a" } })] },
  exhausted: { maxClicks: 1 },
  spent: { maxClicks: 1, expiredUrl: elsewhere },
  country: { rules: [rule({ country: ["CN"] }, { redirect: elsewhere })] },
  region: { rules: [rule({ region: ["CN-GD"] }, { redirect: elsewhere })] },
  device: { rules: [rule({ device: ["phone"] }, { redirect: elsewhere })] },
  not: {
    rules: [rule({ not: { country: ["US"], device: ["desktop"], platform: ["browser"] } }, { deny: true })],
  },
  system: { rules: [rule({ os: ["android"], browser: ["webview"] }, { redirect: elsewhere })] },
}
for (const [code, fields] of Object.entries(links)) await publisher.link(code, fields)
for (const code of ["exhausted", "spent"]) await publisher.use(code, 1)

/** In Guangdong. */
const ADDRESS = { "x-forwarded-for": "202.96.128.86" }

const marks: Record<string, Record<string, string>> = {
  "Tencent's inspection": { "user-agent": `${WECHAT} qcloudcdn-xinan` },
  "a crawler": { "user-agent": `${WECHAT} (compatible; Baiduspider/2.0)` },
  "a prefetch": { "sec-purpose": "prefetch" },
  "a preview": { "x-moz": "preview" },
}

const paths = Object.keys(links).flatMap((code) => [`/${code}`, `/${code}?a=1&_qg=AAAAAAAAAAA`])
const pages = ["/plain+", "/locked+", "/over+", "/plain+report", "/deleted", "/unknown", "/", "/robots.txt"]

for (const [mark, marked] of Object.entries(marks)) {
  t.test(`${mark} changes no answer`, async (t) => {
    const requests: [path: string, asked: Asked][] = [...paths, ...pages, "/forwarded/x/y"].map((path) => [
      path,
      {},
    ])
    const form = { "content-type": "application/x-www-form-urlencoded", connection: "close" }
    requests.push(["/locked", { method: "POST", headers: form, body: "password=wrong" }])
    for (const [path, asked] of requests) {
      const own = { "user-agent": WECHAT, "accept-language": ZH, accept: "text/html" }
      const headers = { ...own, ...ADDRESS, ...asked.headers }
      const person = await edge.get(path, { ...asked, headers })
      const machine = await edge.get(path, { ...asked, headers: { ...headers, ...marked } })
      t.same(parity(machine), parity(person), `${asked.method ?? "GET"} ${path}`)
    }
  })
}

t.test("and each of them did its own", async (t) => {
  const asPerson = { headers: { "user-agent": WECHAT, accept: "text/html", host: HOST, ...ADDRESS } }
  const answered = async (code: string) => {
    const { status, headers } = await edge.get(`/${code}`, asPerson)
    return headers.location ?? status
  }
  const expected: [code: string, answer: string | number][] = [
    ...(["redirecting", "shared", "system", "fallback", "spent", "country", "region", "device"] as const).map(
      (code): [string, string] => [code, elsewhere],
    ),
    ...(["denied", "denying", "locked", "not"] as const).map((code): [string, number] => [code, 403]),
    ...(["guided", "guiding", "app", "mini"] as const).map((code): [string, number] => [code, 200]),
    ["evil", 451],
    ["early", 404],
    ["off", 410],
    ["exhausted", 410],
  ]
  for (const [code, answer] of expected) t.equal(await answered(code), answer, code)
})

t.test("only the statistics know", async (t) => {
  const seen = await publisher.recorded("lnk_guided", 17)
  t.equal(seen.filter(({ automated }) => automated).length, 8)
})
