import { CAP_USED, capKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import t, { type Test } from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { newId } from "../src/ids.ts"
import { caller, expectProblem, faults, HOST, startAdmin, startApp } from "./support/admin.ts"
import { redisClient } from "./support/redis.ts"

const redis = await startRedis(t, { appendOnly: false })
const admin = await startAdmin(t, { redis })
const { call, newKey, newLink, as, db } = admin
const WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50"
const RULES = [
  { name: "Android", when: { os: ["android"] }, then: { redirect: "https://android.example/" } },
  { when: { platform: ["wechat"], not: { language: ["en"] } }, then: { guide: true } },
]

type Explanation = {
  decision: {
    kind: string
    outcome: string | null
    page: string | null
    rule: number | null
    ruleName: string | null
    location: string | null
    target: object | null
  }
  visitor: { platform: string; country: string; region: string; automated: boolean }
  steps: {
    step: string
    applies: boolean
    compared: object
    rules?: { number: number; of: string; applies: boolean; checks: object[] }[]
  }[]
  warnings: object[]
}

/** An address of China Telecom in Guangdong. */
const GUANGDONG = "14.215.177.38"
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1"

/** Explains one visit of a link that is saved and of the same one that is not, which must be alike. */
async function explained(t: Test, link: object, visit: object = {}): Promise<Explanation> {
  const given = { ...visit, at: "2026-11-21T00:00:00Z" }
  const body = { url: "https://a.example/?own=1", ...link }
  const { id } = await newLink(body)
  const saved = await call<Explanation>("POST", `/v1/links/${id}/explain`, given)
  const unsaved = await call<Explanation>("POST", "/v1/rules/explain", { link: body, visit: given })
  t.equal(saved.status, 200, saved.text)
  t.same(unsaved.body, saved.body)
  return saved.body
}

const stepsOf = ({ steps }: Explanation) => steps.map(({ step }) => step)
const stepIn = ({ steps }: Explanation, name: string) => steps.find(({ step }) => step === name)

const ban = (kind: "host" | "domain" | "workspace", value: string) =>
  db
    .insertInto("bans")
    .values({
      ...{ id: newId("ban"), kind, value, workspaceId: null, reason: "test", byOperator: true },
      createdBy: "key_test",
    })
    .execute()

t.test("rules are kept as they were given, and replaced as a whole", async (t) => {
  const made = await call<Link>("POST", "/v1/links", {
    url: "https://a.example/",
    code: "kept",
    rules: RULES,
  })
  t.equal(made.status, 201, made.text)
  t.same(made.body.rules, RULES)
  t.same((await call<Link>("GET", `/v1/links/${made.body.id}`)).body.rules, RULES)
  const patched = await call<Link>("PATCH", `/v1/links/${made.body.id}`, { title: "x" })
  t.same(patched.body.rules, RULES, "a change of something else leaves them")
  const replaced = await call<Link>("PATCH", `/v1/links/${made.body.id}`, { rules: RULES.slice(0, 1) })
  t.same(replaced.body.rules, RULES.slice(0, 1))
})

t.test("a wrong rule is refused with a pointer to the field, and nothing is written", async (t) => {
  const rules = [RULES[0], { when: { ip: ["10.0.0.0/99"], isBot: true }, then: { redirect: "javascript:x" } }]
  const answer = await call("POST", "/v1/links", { url: "https://a.example/", code: "wrong", rules })
  const { errors = [] } = expectProblem(t, answer, 422, "invalid_input")
  t.same(errors.map(({ pointer }) => pointer).sort(), [
    "/rules/1/then/redirect",
    "/rules/1/when/ip/0",
    "/rules/1/when/isBot",
  ])
  t.equal((await call("GET", "/v1/links/s.example.com%2Fwrong")).status, 404)
  const many = Array.from({ length: 51 }, () => RULES[0])
  expectProblem(
    t,
    await call("POST", "/v1/links", { url: "https://a.example/", rules: many }),
    422,
    "invalid_input",
  )
})

t.test("a rule that can never decide is accepted with a warning", async (t) => {
  const rules = [{ when: {}, then: { deny: true } }, ...RULES]
  const { status, body } = await call<Link>("POST", "/v1/links", { url: "https://a.example/", rules })
  t.equal(status, 201)
  t.match(body.warnings, [
    { pointer: "/rules/1", code: "shadowed" },
    { pointer: "/rules/2", code: "shadowed" },
  ])
})

t.test("a saved link and the same link not saved are explained alike", async (t) => {
  const visits: [visit: object, decision: object][] = [
    [{ userAgent: WECHAT }, { kind: "page", page: "guide", rule: 1, ruleName: "#2" }],
    [
      { userAgent: WECHAT, headers: { "Accept-Language": "en" } },
      { kind: "redirect", rule: null, ruleName: null, location: "https://a.example/?own=1" },
    ],
    [{ query: "x=1&own=2" }, { kind: "redirect", rule: null, location: "https://a.example/?own=1&x=1" }],
    [{ path: "/more" }, { kind: "page", page: "not_found", outcome: null }],
  ]
  for (const [visit, decision] of visits) {
    t.match((await explained(t, { rules: RULES }, visit)).decision, decision, JSON.stringify(visit))
  }
})

t.test("the steps are those of the edge, up to the one that decides", async (t) => {
  const lines = ["banned", "startsAt", "enabled", "expiresAt", "allowPlatforms", "password", "rules"]
  const plain = await explained(t, {})
  t.same(stepsOf(plain), [
    ...["domainBans", "address", ...lines, "guidePlatforms"],
    ...["forward", "targetBans"],
  ])
  t.same(
    plain.steps.filter(({ applies }) => applies),
    [],
  )
  const denied = await explained(t, { rules: [{ when: {}, then: { deny: true } }] })
  t.same(stepsOf(denied), ["domainBans", "address", ...lines, "targetBans"])
  t.equal(stepIn(denied, "rules")?.applies, true)
  const refused = await explained(t, {}, { path: "/x" })
  t.same(stepsOf(refused), ["domainBans", "address"])
  const lost = await explained(t, { forwardPath: true }, { path: "/..%2fx" })
  t.match(lost.decision, { page: "not_found", outcome: null, location: null })
  t.match(lost.steps.at(-1), { step: "forward", applies: true })
})

t.test("a rule set's rules come after the link's own, and each says whose it is", async (t) => {
  const { body } = await call<{ id: string }>("POST", "/v1/rule-sets", { name: "shared", rules: RULES })
  const own = [{ when: { os: ["windows"] }, then: { deny: true } }]
  const explanation = await explained(t, { rules: own, ruleSetId: body.id }, { userAgent: WECHAT })
  t.match(explanation.decision, { kind: "page", page: "guide", rule: 2, ruleName: "#3" })
  t.match(stepIn(explanation, "rules")?.rules, [
    { number: 0, of: "link", applies: false },
    { number: 1, of: "rule_set", name: "Android", applies: false },
    { number: 2, of: "rule_set", name: null, applies: true },
  ])
  const first = await explained(t, { rules: RULES, ruleSetId: body.id }, { userAgent: WECHAT })
  t.match(first.decision, { rule: 1 }, "the link's own decide first")
  const unknown = { link: { url: "https://a.example/", ruleSetId: "rls_none" }, visit: {} }
  const refused = expectProblem(t, await call("POST", "/v1/rules/explain", unknown), 422, "invalid_input")
  t.same(faults(refused), ["/link/ruleSetId unknown_rule_set"])
})

t.test("a password is asked for until the visitor gave it", async (t) => {
  const link = { password: "secret", rules: [{ when: {}, then: { guide: true } }] }
  const locked = await explained(t, link)
  t.match(locked.decision, { kind: "page", page: "password", outcome: "password" })
  t.match(stepIn(locked, "password"), { applies: true, compared: { hasPassword: true, isUnlocked: false } })
  t.match((await explained(t, link, { unlocked: true })).decision, { page: "guide" })
  t.match((await explained(t, { rules: link.rules })).decision, { page: "guide" })
})

t.test("apps and mini programs are explained with what their page offers", async (t) => {
  const app = {
    ios: { scheme: "taobao://item/1", store: "https://apps.example/1" },
    web: "https://web.example/",
  }
  const rules = [{ name: "Taobao", when: {}, then: { app } }]
  const opened = await explained(t, { rules }, { userAgent: IPHONE })
  t.match(opened.decision, {
    kind: "app",
    outcome: "app",
    page: null,
    rule: 0,
    ruleName: "Taobao",
    location: null,
  })
  const target = { open: "taobao://item/1", store: "https://apps.example/1", web: "https://web.example/" }
  t.same(opened.decision.target, target)
  t.same(stepIn(opened, "targetBans")?.compared, { hosts: ["item", "apps.example", "web.example"] })
  const elsewhere = await explained(t, { rules })
  t.match(elsewhere.decision, { kind: "redirect", location: "https://web.example/", target: null })

  const miniProgram = { appId: "wx0123456789abcdef", path: "pages/index", name: "Shop" }
  const mini = await explained(t, { rules: [{ when: {}, then: { miniProgram } }] }, { userAgent: WECHAT })
  t.match(mini.decision, { kind: "mini_program", target: { ...miniProgram, isInside: true } })
})

t.test("an expired link without its own expiredUrl leads to its domain's", async (t) => {
  const host = "expiring.example.com"
  await call("POST", "/v1/domains", { host })
  const expiredUrl = "https://over.example/"
  await db.updateTable("domains").set({ expiredUrl }).where("host", "=", host).execute()
  const expired = { domain: host, expiresAt: "2020-01-01T00:00:00Z" }
  t.match((await explained(t, expired)).decision, { outcome: "fallback", location: expiredUrl })
  const own = { ...expired, expiredUrl: "https://own.example/" }
  t.match((await explained(t, own)).decision, { outcome: "fallback", location: "https://own.example/" })
  t.match((await explained(t, { ...expired, domain: HOST })).decision, { page: "gone" })
  const unknown = { link: { url: "https://a.example/", domain: "x.example" }, visit: {} }
  const refused = expectProblem(t, await call("POST", "/v1/rules/explain", unknown), 422, "invalid_input")
  t.same(faults(refused), ["/link/domain unknown_domain"])
})

t.test("a link whose maxClicks are used up is explained as such, and nothing is used up by it", async (t) => {
  const expiredUrl = "https://over.example/"
  const rules = [{ when: { os: ["ios"] }, then: { guide: true } }]
  const link = await newLink({ maxClicks: 3, expiredUrl, rules })
  const path = `/v1/links/${link.id}/explain`
  const counter = redisClient(t, redis.url)
  const explain = async (visit: object = {}) => (await call<Explanation>("POST", path, visit)).body
  for (const used of [0, 2]) {
    await counter.hset(capKey(link.id), CAP_USED, used)
    const left = await explain()
    t.match(left.decision, { outcome: "redirect", reserve: true })
    const compared = { maxClicks: 3, used, capWhenUnavailable: "closed" }
    t.same(left.steps.at(-1), { step: "maxClicks", applies: false, compared })
    t.equal(await counter.hget(capKey(link.id), CAP_USED), String(used))
  }
  await counter.hset(capKey(link.id), CAP_USED, 3)
  const exhausted = await explain()
  t.match(exhausted.decision, { outcome: "fallback", location: expiredUrl, reserve: false })
  t.same(stepsOf(exhausted).slice(-5), ["forward", "targetBans", "maxClicks", "forward", "targetBans"])
  t.match(stepIn(exhausted, "maxClicks"), { applies: true, compared: { maxClicks: 3, used: 3 } })
  const guided = await explain({ userAgent: IPHONE })
  t.match(guided.decision, { page: "guide" }, "where the answer uses none, none is asked for")
  t.notOk(stepIn(guided, "maxClicks"))
  await call("PATCH", `/v1/links/${link.id}`, { expiredUrl: null })
  t.match((await explain()).decision, { kind: "page", page: "gone", outcome: "exhausted" })
})

t.test("a link whose counter is missing is unavailable, or open if it is to be", async (t) => {
  const { id } = await newLink({ maxClicks: 3 })
  const explain = async () => (await call<Explanation>("POST", `/v1/links/${id}/explain`, {})).body
  const closed = await explain()
  t.match(closed.decision, { page: "unavailable", outcome: null, location: null })
  const compared = { maxClicks: 3, used: null, capWhenUnavailable: "closed" }
  t.same(closed.steps.at(-1), { step: "maxClicks", applies: true, compared })
  await call("PATCH", `/v1/links/${id}`, { capWhenUnavailable: "open" })
  t.match((await explain()).decision, { outcome: "redirect", page: null })
})

t.test("without Redis only a link whose maxClicks decide cannot be explained", async (t) => {
  const env = { DATABASE_URL: admin.databaseUrl, REDIS_URL: "redis://127.0.0.1:1" }
  const away = caller(await startApp(t, env), admin.key)
  const [bounded, free] = [await newLink({ maxClicks: 3 }), await newLink()]
  const explain = (id: string) => away("POST", `/v1/links/${id}/explain`, {})
  const refused = await explain(bounded.id)
  expectProblem(t, refused, 503, "redis_unavailable")
  t.equal(refused.headers["retry-after"], "5")
  t.equal((await explain(free.id)).status, 200)
  const unsaved = { link: { url: "https://a.example/", maxClicks: 3 }, visit: {} }
  t.match(await away("POST", "/v1/rules/explain", unsaved), {
    status: 200,
    body: { decision: { reserve: true } },
  })
})

t.test("a visitor is automated as the edge has it", async (t) => {
  const { id } = await newLink()
  const isAutomated = async (visit: object) =>
    (await call<Explanation>("POST", `/v1/links/${id}/explain`, visit)).body.visitor.automated
  t.equal(await isAutomated({ userAgent: IPHONE }), false)
  t.equal(await isAutomated({ userAgent: IPHONE, headers: { "Sec-Purpose": "prefetch" } }), true)
  t.equal(await isAutomated({ userAgent: `${IPHONE} qcloudcdn-xinan` }), true)
  // Of a longer one, the edge reads what createVisitors reads.
  const visitorOf = createVisitors(1)
  for (const userAgent of [`${IPHONE} ${"x".repeat(600)} Googlebot/2.1`, "Googlebot/2.1", ""]) {
    t.equal(await isAutomated({ userAgent }), visitorOf(userAgent).automated, userAgent.slice(-20))
  }
})

t.test("an IPv4 address that is written as IPv6 is the same visitor", async (t) => {
  const split = [1, 2, 3, 4].map((n) => ({ url: `https://${n}.example/`, weight: 1 }))
  const { id } = await newLink({ rules: [{ when: {}, then: { split } }] })
  const from = async (ip: string) =>
    (await call<Explanation>("POST", `/v1/links/${id}/explain`, { ip })).body.decision.location
  for (let n = 0; n < 20; n++) t.equal(await from(`::ffff:14.215.177.${n}`), await from(`14.215.177.${n}`))
})

t.test("our own query parameter is neither seen by rules nor passed on", async (t) => {
  const rules = [{ when: { query: [{ name: "_qg" }] }, then: { deny: true } }]
  const { decision } = await explained(t, { rules }, { query: "_qg=AAAAAAAAAAA&x=1" })
  t.match(decision, { kind: "redirect", location: "https://a.example/?own=1&x=1" })
})

t.test("the visitor's place is shown, and rules see it", async (t) => {
  const rules = [{ when: { region: ["CN-GD"] }, then: { redirect: "https://gd.example/" } }]
  const there = await explained(t, { rules }, { ip: GUANGDONG })
  t.match(there.visitor, { country: "CN", region: "CN-GD" })
  t.match(there.decision, { location: "https://gd.example/" })
  t.match(stepIn(there, "rules")?.rules?.[0]?.checks, [
    { condition: "region", wanted: ["CN-GD"], actual: "CN-GD", holds: true },
  ])
  const nowhere = await explained(t, { rules }, { ip: "10.0.0.1" })
  t.match(nowhere.visitor, { country: "", region: "" })
  t.match(nowhere.decision, { location: "https://a.example/?own=1" })
})

t.test(
  "an answer that leads to a banned host is 451, whatever leads there, and says which hosts",
  async (t) => {
    const evil = "https://sub.banned.example/"
    const links = await Promise.all(
      [
        { url: evil },
        { rules: [{ name: "r", when: {}, then: { redirect: evil } }] },
        { expiresAt: "2020-01-01T00:00:00Z", expiredUrl: evil },
        { rules: [{ when: {}, then: { app: { ios: { universalLink: evil } } } }] },
        { url: evil, rules: [{ when: {}, then: { guide: true } }] },
      ].map((link) => newLink(link)),
    )
    await ban("host", "banned.example")
    for (const { id } of links) {
      const { body } = await call<Explanation>("POST", `/v1/links/${id}/explain`, { userAgent: IPHONE })
      t.match(body.decision, {
        kind: "page",
        outcome: "banned",
        page: "banned",
        location: null,
        target: null,
      })
      t.match(body.steps.at(-1), { step: "targetBans", applies: true })
      t.match(JSON.stringify(body.steps.at(-1)?.compared), "sub.banned.example")
    }
    const { body } = await call<Explanation>("POST", `/v1/links/${links[1]?.id}/explain`, {})
    t.match(body.decision, { rule: 0, ruleName: "r" }, "and which rule led there")
    const unharmed = await explained(t, { rules: [{ when: {}, then: { deny: true } }] })
    t.match(unharmed.decision, { page: "denied" })
  },
)

t.test("every link of a banned domain or workspace is 451 before anything else", async (t) => {
  const theirs = await admin.newWorkspace("banned-one.example.com")
  await call("POST", "/v1/domains", { host: "banned-two.example.com", workspaceId: theirs.workspaceId })
  const explain = async (domain: string) => {
    const body = { link: { url: "https://a.example/", domain }, visit: { path: "/x" } }
    return (await theirs.call<Explanation>("POST", "/v1/rules/explain", body)).body
  }
  t.match((await explain(theirs.host)).decision, { page: "not_found" })
  await ban("domain", theirs.host)
  const first = await explain(theirs.host)
  t.match(first.decision, { kind: "page", page: "banned", outcome: null })
  t.match(first.steps, [{ step: "domainBans", applies: true, compared: { domain: theirs.host } }])
  t.equal(first.steps.length, 1)
  t.match((await explain("banned-two.example.com")).decision, { page: "not_found" })
  await ban("workspace", theirs.workspaceId)
  t.match((await explain("banned-two.example.com")).decision, { page: "banned" })
})

t.test("an explanation has the link's own warnings", async (t) => {
  const rules = [RULES[0], RULES[0]]
  const { warnings } = await explained(t, { url: "https://xn--80ak6aa92e.com/", rules })
  t.match(warnings, [
    { pointer: "/rules/1", code: "shadowed" },
    { pointer: "/url", code: "look_alike" },
  ])
})

t.test("rules of a set that never decide after the link's own are warned of, for that link", async (t) => {
  const shared = [...RULES, { when: { os: ["ios"], not: { os: ["ios"] } }, then: { deny: true } }]
  const set = (await call<{ id: string }>("POST", "/v1/rule-sets", { name: "after", rules: shared })).body
  const own = [{ when: { os: ["windows"] }, then: { deny: true } }, RULES[0]]
  const { warnings } = await explained(t, { rules: own, ruleSetId: set.id })
  t.match(warnings, [
    { pointer: "/ruleSetId", code: "shadowed", detail: /^rule 2: rule 1 / },
    { pointer: "/ruleSetId", code: "never_holds", detail: /^rule 4: / },
  ])
  t.equal(warnings.length, 2)
  t.equal((await explained(t, { rules: own.slice(0, 1), ruleSetId: set.id })).warnings.length, 1)
})

t.test("a link that could not be saved for its addresses is explained, with warnings", async (t) => {
  const url = "https://unsafe.example/"
  const rules = [
    { when: {}, then: { redirect: url } },
    { when: {}, then: { app: { ios: { scheme: "nobodys://x" } } } },
  ]
  const set = { name: "unsafe", rules: rules.slice(0, 1) }
  const ruleSetId = (await call<{ id: string }>("POST", "/v1/rule-sets", set)).body.id
  await ban("host", "unsafe.example")
  const link = { url: "https://bit.ly/x", expiredUrl: url, rules, ruleSetId }
  const { status, body } = await call<Explanation>("POST", "/v1/rules/explain", { link, visit: {} })
  t.equal(status, 200)
  t.match(body.warnings.map((warning) => Object.values(warning).slice(0, 2).join(" ")).sort(), [
    "/expiredUrl banned_target",
    "/ruleSetId banned_target",
    "/ruleSetId shadowed",
    "/rules/0/then/redirect banned_target",
    "/rules/1 shadowed",
    "/rules/1/then/app/ios/scheme scheme_not_allowed",
    "/url shortener",
  ])
})

t.test("the dry run is refused where a link or a visit is wrong, and needs a scope", async (t) => {
  const bad = {
    link: { url: "https://a.example/", startsAt: "2027-01-01T00:00:00Z", expiresAt: "2026-01-01T00:00:00Z" },
    visit: {},
  }
  t.match(expectProblem(t, await call("POST", "/v1/rules/explain", bad), 422, "invalid_input").errors, [
    { pointer: "/link/expiresAt" },
  ])
  const visit = { ip: "localhost", at: "now", more: 1 }
  const { errors = [] } = expectProblem(
    t,
    await call("POST", "/v1/rules/explain", { link: { url: "https://a.example/" }, visit }),
    422,
    "invalid_input",
  )
  t.same(errors.map(({ pointer }) => pointer).sort(), ["/visit/at", "/visit/ip", "/visit/more"])
  expectProblem(t, await call("POST", "/v1/links/lnk_none/explain", {}), 404, "not_found")
  const stats = as(await newKey(["stats:read"]))
  expectProblem(t, await stats("POST", "/v1/rules/explain", bad), 403, "missing_scope")
})
