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
const edge = await startEdge(t, redis.url)
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
  mini: { rules: [rule({}, { miniProgram: { appId: "wx0123456789abcdef" } })] },
  system: { rules: [rule({ os: ["android"], browser: ["webview"] }, { redirect: elsewhere })] },
}
for (const [code, fields] of Object.entries(links)) await publisher.link(code, fields)

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
      const headers = { "user-agent": WECHAT, "accept-language": ZH, accept: "text/html", ...asked.headers }
      const person = await edge.get(path, { ...asked, headers })
      const machine = await edge.get(path, { ...asked, headers: { ...headers, ...marked } })
      t.same(parity(machine), parity(person), `${asked.method ?? "GET"} ${path}`)
    }
  })
}

t.test("and each of them did its own", async (t) => {
  const asPerson = { headers: { "user-agent": WECHAT, accept: "text/html", host: HOST } }
  const answered = async (code: string) => {
    const { status, headers } = await edge.get(`/${code}`, asPerson)
    return headers.location ?? status
  }
  const expected: [code: string, answer: string | number][] = [
    ...(["redirecting", "shared", "system", "fallback"] as const).map((code): [string, string] => [
      code,
      elsewhere,
    ]),
    ...(["denied", "denying", "locked"] as const).map((code): [string, number] => [code, 403]),
    ...(["guided", "guiding", "app", "mini"] as const).map((code): [string, number] => [code, 200]),
    ["evil", 451],
    ["early", 404],
    ["off", 410],
  ]
  for (const [code, answer] of expected) t.equal(await answered(code), answer, code)
})

t.test("only the statistics know", async (t) => {
  const seen = await publisher.recorded("lnk_guided", 17)
  t.equal(seen.filter(({ automated }) => automated).length, 8)
})
