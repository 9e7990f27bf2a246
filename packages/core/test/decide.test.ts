import t from "tap"
import { compileRule, type Decision, decide, ruleLabel, whenBanned, whenExhausted } from "../src/decide.ts"
import { PLATFORMS } from "../src/platform.ts"
import type { LinkRecord } from "../src/record.ts"
import { PLAIN_LINK } from "./support/link.ts"
import { VISIT } from "./support/visit.ts"

const link = PLAIN_LINK

const redirect: Decision = {
  rule: null,
  variant: "",
  kind: "redirect",
  outcome: "redirect",
  url: link.url,
  reserve: false,
}
const page = (outcome: string, name: string) => ({
  rule: null,
  variant: "",
  kind: "page",
  outcome,
  page: name,
})

t.test("each line of the decision applies when it should", async (t) => {
  const over = "https://example.com/over"
  const cases: [change: Partial<LinkRecord>, expected: object][] = [
    [{}, redirect],
    [{ banned: true }, page("banned", "banned")],
    [{ startsAt: 1_001 }, page("not_started", "not_started")],
    [{ startsAt: 1_000 }, redirect],
    [{ enabled: false }, page("disabled", "gone")],
    [{ expiresAt: 1_000 }, page("expired", "gone")],
    [{ expiresAt: 1_001 }, redirect],
    [
      { expiresAt: 1_000, expiredUrl: over },
      { rule: null, variant: "", kind: "redirect", outcome: "fallback", url: over, reserve: false },
    ],
    [{ allowPlatforms: new Set(["qq"]) }, page("denied", "denied")],
    [{ allowPlatforms: new Set(["wechat"]) }, redirect],
    [{ password: { hash: "", version: 1 } }, page("password", "password")],
    [{ guidePlatforms: new Set(["wechat"]) }, page("guide", "guide")],
    [{ guidePlatforms: new Set(["qq"]) }, redirect],
    [{ maxClicks: 1 }, { ...redirect, reserve: true }],
  ]
  for (const [change, expected] of cases) {
    t.same(decide({ ...link, ...change }, VISIT), expected, JSON.stringify(change))
  }
})

t.test("the first line that applies wins", async (t) => {
  const all: Partial<LinkRecord>[] = [
    { banned: true },
    { startsAt: 2_000 },
    { enabled: false },
    { expiresAt: 500 },
    { allowPlatforms: new Set() },
    { password: { hash: "", version: 1 } },
    { rules: [compileRule({ when: {}, then: { app: { ios: { scheme: "myapp://" } } } })] },
    { guidePlatforms: new Set(PLATFORMS) },
  ]
  const outcomes = ["banned", "not_started", "disabled", "expired", "denied", "password", "app", "guide"]
  for (const [i, outcome] of outcomes.entries()) {
    const decision = decide(Object.assign({}, link, ...all.slice(i)), VISIT)
    t.equal(decision.outcome, outcome)
  }
})

t.test("an exhausted link goes to its expiredUrl, else it is gone", async (t) => {
  t.same(whenExhausted(link), page("exhausted", "gone"))
  t.match(whenExhausted({ ...link, expiredUrl: "https://a/" }), { kind: "redirect", outcome: "fallback" })
})

t.test("a password that was given is asked for no more", async (t) => {
  const locked = { ...link, password: { hash: "", version: 1 } }
  t.same(decide(locked, { ...VISIT, isUnlocked: true }), redirect)
})

t.test("statistics call a rule by its name, else by its number from 1", async (t) => {
  const ruled = {
    ...link,
    rules: [
      { when: { os: ["ios" as const] }, then: { deny: true as const } },
      { name: "rest", when: {}, then: { guide: true as const } },
    ].map(compileRule),
  }
  t.equal(ruleLabel(ruled, decide(ruled, VISIT)), "#1")
  t.equal(ruleLabel(ruled, decide(ruled, { ...VISIT, os: "android" })), "rest")
  t.equal(ruleLabel(link, decide(link, VISIT)), "")
  t.match(whenBanned(decide(ruled, VISIT)), { outcome: "banned", page: "banned", rule: 0 })
})
