import type { Link } from "@qiao/core/link.ts"
import t from "tap"
import { startRedis } from "../../test/support/redis.ts"
import { expectProblem, startAdmin } from "./support/admin.ts"

const redis = await startRedis(t, { appendOnly: false })
const { call, newKey, as } = await startAdmin(t, { redis })
const WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50"
const RULES = [
  { name: "Android", when: { os: ["android"] }, then: { redirect: "https://android.example/" } },
  { when: { platform: ["wechat"], not: { language: ["en"] } }, then: { guide: true } },
]

type Explanation = {
  decision: { kind: string; page: string | null; rule: number | null; location: string | null }
  steps: { step: string; applies: boolean; rules?: { number: number; applies: boolean }[] }[]
  warnings: object[]
}

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
  const link = { url: "https://a.example/?own=1", rules: RULES }
  const { id } = (await call<Link>("POST", "/v1/links", link)).body
  const visits: [visit: object, decision: object][] = [
    [{ userAgent: WECHAT }, { kind: "page", page: "guide", rule: 1 }],
    [
      { userAgent: WECHAT, headers: { "Accept-Language": "en" } },
      { kind: "redirect", rule: null, location: link.url },
    ],
    [{ query: "x=1&own=2" }, { kind: "redirect", rule: null, location: "https://a.example/?own=1&x=1" }],
    [{ path: "/more" }, { kind: "page", page: "not_found", outcome: null }],
  ]
  for (const [visit, decision] of visits) {
    const at = "2026-11-21T00:00:00Z"
    const saved = await call<Explanation>("POST", `/v1/links/${id}/explain`, { ...visit, at })
    const unsaved = await call<Explanation>("POST", "/v1/rules/explain", { link, visit: { ...visit, at } })
    t.equal(saved.status, 200, saved.text)
    t.match(saved.body.decision, decision, JSON.stringify(visit))
    t.same(unsaved.body, saved.body)
  }
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
