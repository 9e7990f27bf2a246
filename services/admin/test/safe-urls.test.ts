import { writeFile } from "node:fs/promises"
import type { Link } from "@qiao/core/link.ts"
import { rules } from "@qiao/core/rule.ts"
import t, { type Test } from "tap"
import { newId } from "../src/ids.ts"
import { type Placed, urlsOf } from "../src/safety/safe-urls.ts"
import {
  caller,
  expectProblem,
  faults,
  HOST,
  type ProblemBody,
  startAdmin,
  startApp,
} from "./support/admin.ts"

const blocklist = `${t.testdir()}/phishing.txt`
await writeFile(blocklist, "bad.example\nhttps://listed.example/some/page\n")
const admin = await startAdmin(t, { env: { BLOCKLIST_FILES: blocklist, APP_SCHEMES: "ourapp,ourapp-beta" } })
const { call, db, newLink } = admin
const URL_A = "https://shop.example.com/a"

const ban = (kind: "host" | "domain", value: string) =>
  db
    .insertInto("bans")
    .values({
      ...{ id: newId("ban"), kind, value, workspaceId: null, reason: "phishing", byOperator: true },
      createdBy: "key_test",
    })
    .execute()

await ban("host", "evil.example")

/** An action of every kind, with all the addresses it can have, each by way of `url`. */
function everyAction(url: (name: string) => string) {
  return [
    { redirect: url("redirect") },
    {
      split: [
        { url: url("side-0"), weight: 1 },
        { url: url("side-1"), weight: 1 },
      ],
    },
    {
      app: {
        ios: { universalLink: url("universal"), scheme: "weixin://a", store: url("ios-store") },
        android: {
          appLink: url("android"),
          scheme: "taobao://a",
          package: "a.b",
          store: url("android-store"),
        },
        harmonyos: { appLink: url("harmony"), scheme: "alipays://a", store: url("harmony-store") },
        web: url("app-web"),
      },
    },
    { miniProgram: { appId: "wx0123456789abcdef", name: "a", web: url("mini-web") } },
    { guide: true },
    { deny: true },
  ]
}

const rulesWith = (url: (name: string) => string) =>
  everyAction(url).map((then, n) => ({ when: { query: [{ name: `n${n}` }] }, then }))

const EVERY_POINTER = [
  "/rules/0/then/redirect",
  "/rules/1/then/split/0/url",
  "/rules/1/then/split/1/url",
  "/rules/2/then/app/ios/universalLink",
  "/rules/2/then/app/ios/store",
  "/rules/2/then/app/android/appLink",
  "/rules/2/then/app/android/store",
  "/rules/2/then/app/harmonyos/appLink",
  "/rules/2/then/app/harmonyos/store",
  "/rules/2/then/app/web",
  "/rules/3/then/miniProgram/web",
]

/** Every http(s) address anywhere in a value, with its JSON pointer. */
function addressesIn(value: unknown, pointer = ""): Placed[] {
  if (typeof value === "string") return /^https?:/.test(value) ? [{ pointer, url: value }] : []
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([name, part]) => addressesIn(part, `${pointer}/${name}`))
}

t.test("no address of a link is overlooked", async (t) => {
  const settings = {
    url: "https://own.example/",
    expiredUrl: "https://expired.example/",
    rules: rules.parse(rulesWith((name) => `https://${name}.example/`)),
  }
  const byPointer = (a: Placed, b: Placed) => (a.pointer < b.pointer ? -1 : 1)
  t.same(urlsOf(settings).sort(byPointer), addressesIn(settings).sort(byPointer))
  t.equal(urlsOf(settings).length, EVERY_POINTER.length + 2)
  t.same(urlsOf({ rules: [] }), [])
})

const BAD: [url: string, code: string][] = [
  [`https://${HOST}/any`, "own_domain"],
  [`http://${HOST.toUpperCase()}.:8443/any`, "own_domain"],
  ["https://bit.ly/x", "shortener"],
  ["http://127.0.0.1:3000/", "private_address"],
  ["http://[::1]/", "private_address"],
  ["http://printer.local/", "private_address"],
  ["https://login.bad.example/", "blocklisted"],
  ["https://listed.example/other", "blocklisted"],
  ["https://evil.example/", "banned_target"],
  ["https://deep.evil.example./", "banned_target"],
]

async function refusedEverywhere(t: Test, body: object, expected: string[], linkId: string) {
  const answers = [
    await call("POST", "/v1/links", { url: URL_A, ...body }),
    await call("PATCH", `/v1/links/${linkId}`, body),
    await call("PUT", "/v1/links", { url: URL_A, externalId: "safe", ...body }),
    await call("PUT", "/v1/links", { url: URL_A, externalId: "new", ...body }),
  ]
  for (const answer of answers) {
    t.same(faults(expectProblem(t, answer, 422, "invalid_input")), [...expected].sort())
  }
}

t.test("an address that must not be a target is refused at every create and change", async (t) => {
  const link = await newLink({ externalId: "safe" })
  for (const [url, code] of BAD) {
    await refusedEverywhere(t, { url, expiredUrl: url }, [`/url ${code}`, `/expiredUrl ${code}`], link.id)
  }
  t.same((await call<Link>("GET", `/v1/links/${link.id}`)).body, link)
})

t.test("every bad address of every action is named at its place in one answer", async (t) => {
  const link = await newLink({ externalId: "safe-2" })
  const name = (n: string) => `https://${n}.evil.example/`
  const expected = EVERY_POINTER.map((pointer) => `${pointer} banned_target`)
  await refusedEverywhere(t, { rules: rulesWith(name) }, expected, link.id)
  const { body } = await call<{ id: string }>("POST", "/v1/rule-sets", { name: "safe", rules: [] })
  for (const answer of [
    await call("POST", "/v1/rule-sets", { name: "unsafe", rules: rulesWith(name) }),
    await call("PATCH", `/v1/rule-sets/${body.id}`, { rules: rulesWith(name) }),
  ]) {
    t.same(faults(expectProblem(t, answer, 422, "invalid_input")), [...expected].sort())
  }
  const good = rulesWith((n) => `https://${n}.example/`)
  t.equal((await call("POST", "/v1/links", { url: URL_A, rules: good })).status, 201)
  t.equal((await call("PATCH", `/v1/rule-sets/${body.id}`, { rules: good })).status, 200)
})

t.test("schemes are those of known apps and those the operator added", async (t) => {
  const app = (scheme: string) => ({ ios: { scheme }, android: { scheme }, harmonyos: { scheme } })
  const withScheme = (scheme: string) => [{ when: {}, then: { app: app(scheme) } }]
  for (const scheme of [
    "weixin://dl/x",
    "openapp.jdmobile://virtual",
    "ourapp://item/1",
    "ourapp-beta://x",
  ]) {
    const made = await call("POST", "/v1/links", { url: URL_A, rules: withScheme(scheme) })
    t.equal(made.status, 201, made.text)
  }
  const link = await newLink({ externalId: "safe-3" })
  const expected = ["ios", "android", "harmonyos"].map((system) => {
    return `/rules/0/then/app/${system}/scheme scheme_not_allowed`
  })
  await refusedEverywhere(t, { rules: withScheme("otherapp://item/1") }, expected, link.id)
  const answer = await call("POST", "/v1/rule-sets", { name: "x", rules: withScheme("our-app://x") })
  t.same(faults(expectProblem(t, answer, 422, "invalid_input")), [...expected].sort())
})

t.test("what is stored already is left alone, so that an old link can still be changed", async (t) => {
  const old = "https://later.example/page"
  const settings = {
    url: old,
    expiredUrl: URL_A,
    rules: [{ when: { os: ["ios"] }, then: { redirect: "https://sub.later.example/" } }],
  }
  const link = await newLink({ ...settings, externalId: "old" })
  const body = { name: "old", rules: settings.rules }
  const ruleSet = (await call<{ id: string }>("POST", "/v1/rule-sets", body)).body
  await ban("host", "later.example")
  const path = `/v1/links/${link.id}`
  t.equal((await call("PATCH", path, { enabled: false })).status, 200)
  t.equal((await call("PATCH", path, { url: old, rules: settings.rules, title: "said again" })).status, 200)
  t.equal((await call("PATCH", path, { url: URL_A, expiredUrl: old })).status, 200, "moved within the link")
  t.equal((await call("PUT", "/v1/links", { ...settings, externalId: "old" })).status, 200)
  t.equal((await call("PATCH", `/v1/rule-sets/${ruleSet.id}`, { name: "renamed" })).status, 200)
  const [rule] = settings.rules
  t.equal((await call("PATCH", `/v1/rule-sets/${ruleSet.id}`, { rules: [rule, rule] })).status, 200)

  const another = await call("PATCH", path, { expiredUrl: `${old}/2` })
  t.same(faults(expectProblem(t, another, 422, "invalid_input")), ["/expiredUrl banned_target"])
  const copied = await call("POST", "/v1/links", settings)
  t.same(faults(expectProblem(t, copied, 422, "invalid_input")), [
    "/rules/0/then/redirect banned_target",
    "/url banned_target",
  ])
})

t.test("no link begins to use a rule set that leads where it must not by now", async (t) => {
  const url = "https://turned.example/page"
  const rules = [
    { when: { os: ["ios"] }, then: { redirect: "https://fine.example/" } },
    { when: {}, then: { redirect: url } },
  ]
  const create = () => call<{ id: string }>("POST", "/v1/rule-sets", { name: newId("rls"), rules })
  const [used, other] = [(await create()).body.id, (await create()).body.id]
  const link = await newLink({ externalId: "uses-it", ruleSetId: used })
  await ban("host", "turned.example")
  await refusedEverywhere(t, { ruleSetId: other }, ["/ruleSetId banned_target"], link.id)
  const changed = await call("PUT", "/v1/links", { url: URL_A, externalId: "uses-it", ruleSetId: other })
  const { errors } = expectProblem(t, changed, 422, "invalid_input")
  t.match(errors, [{ pointer: "/ruleSetId", detail: new RegExp(url) }], "and says which address")
  const path = `/v1/links/${link.id}`
  t.equal((await call("PATCH", path, { title: "x", ruleSetId: used })).status, 200, "one that is used stays")
  t.equal((await call("PATCH", path, { ruleSetId: null })).status, 200)
  const back = await call("PATCH", path, { ruleSetId: used })
  t.same(faults(expectProblem(t, back, 422, "invalid_input")), ["/ruleSetId banned_target"])
})

t.test("a workspace's signature url is an address like any other", async (t) => {
  const wechatSignatureUrl = "https://signs.example/wechat"
  const workspace = { name: "signing", wechatSignatureUrl }
  const made = await call<{ id: string }>("POST", "/v1/workspaces", workspace)
  t.equal(made.status, 201, made.text)
  const path = `/v1/workspaces/${made.body.id}`
  for (const [url, code] of BAD.filter(([url]) => url.startsWith("https:"))) {
    for (const answer of [
      await call("POST", "/v1/workspaces", { name: "x", wechatSignatureUrl: url }),
      await call("PATCH", path, { wechatSignatureUrl: url }),
    ]) {
      const problem = expectProblem(t, answer, 422, "invalid_input")
      t.same(faults(problem), [`/wechatSignatureUrl ${code}`], url)
    }
  }
  await ban("host", "signs.example")
  t.equal((await call("PATCH", path, { ...workspace, name: "kept" })).status, 200, "the one it has stays")
  t.match((await call("GET", path)).body, { name: "kept", wechatSignatureUrl })
})

t.test(
  "a banned domain of this instance, its aliases and other workspaces' domains are no targets",
  async (t) => {
    const stranger = await admin.newWorkspace("theirs.example.com")
    await call("POST", "/v1/domains", { host: "main.example.net", aliases: ["alias.example.net"] })
    const refused = async (url: string) =>
      faults(expectProblem(t, await call<ProblemBody>("POST", "/v1/links", { url }), 422, "invalid_input"))
    t.same(await refused(`https://${stranger.host}/x`), ["/url own_domain"])
    t.same(await refused("https://alias.example.net/x"), ["/url own_domain"])
    await ban("domain", "main.example.net")
    t.same(await refused("https://main.example.net/x"), ["/url banned_target"])
    t.equal((await call("POST", "/v1/links", { url: "https://sub.main.example.net/" })).status, 201)
  },
)

t.test("private addresses may be targets where the operator says so", async (t) => {
  const stores = { DATABASE_URL: admin.databaseUrl, REDIS_URL: admin.redis.url }
  const app = await startApp(t, { ...stores, ALLOW_PRIVATE_TARGETS: "true" })
  const local = caller(app, admin.key)
  t.equal((await local("POST", "/v1/links", { url: "http://127.0.0.1:3000/" })).status, 201)
  const own = await local("POST", "/v1/links", { url: `http://${HOST}/` })
  t.same(faults(expectProblem(t, own, 422, "invalid_input")), ["/url own_domain"], "the rest stays")
})
