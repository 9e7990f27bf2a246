import t from "tap"
import type { Visit } from "../src/condition.ts"
import { compileRule, decide } from "../src/decide.ts"
import { explain } from "../src/explain.ts"
import { decodeLink, encodeLink, type LinkRecord } from "../src/record.ts"
import type { Rule } from "../src/rule.ts"
import { ruleWarnings } from "../src/rule-warnings.ts"
import { shareOf, sideOf } from "../src/split.ts"
import { PLAIN_LINK } from "./support/link.ts"
import { VISIT } from "./support/visit.ts"

const linkWith = (rules: Rule[], change: Partial<LinkRecord> = {}): LinkRecord => ({
  ...PLAIN_LINK,
  rules: rules.map(compileRule),
  ...change,
})
const to = (name: string) => ({ redirect: `https://${name}.example/` })

t.test("the first rule that holds decides, between the platform lists", async (t) => {
  const rules: Rule[] = [
    { when: { os: ["android"] }, then: to("android") },
    { when: { platform: ["wechat"] }, then: to("wechat") },
    { when: {}, then: to("rest") },
  ]
  t.match(decide(linkWith(rules), VISIT), { url: "https://wechat.example/", rule: 1 })
  t.match(decide(linkWith(rules), { ...VISIT, os: "android" }), { url: "https://android.example/", rule: 0 })
  t.match(decide(linkWith(rules), { ...VISIT, platform: "qq" }), { url: "https://rest.example/", rule: 2 })
  t.match(decide(linkWith(rules.slice(0, 1)), VISIT), { url: PLAIN_LINK.url, rule: null })
  const denied = linkWith(rules, { allowPlatforms: new Set(["qq"]) })
  t.match(decide(denied, VISIT), { outcome: "denied", rule: null }, "allowPlatforms comes first")
  const guided = linkWith(rules, { guidePlatforms: new Set(["wechat"]) })
  t.match(decide(guided, VISIT), { outcome: "redirect", rule: 1 }, "guidePlatforms comes after")
})

t.test("each action does what it says, and a redirect may use up a click", async (t) => {
  const decision = (then: Rule["then"], change: Partial<LinkRecord> = {}) =>
    decide(linkWith([{ when: {}, then }], change), VISIT)
  t.match(decision({ guide: true }), { kind: "page", page: "guide", outcome: "guide", rule: 0 })
  t.match(decision({ deny: true }), { kind: "page", page: "denied", outcome: "denied", rule: 0 })
  t.match(decision(to("a"), { maxClicks: 5 }), { kind: "redirect", reserve: true, rule: 0 })
  const split = [
    { url: "https://a.example/", weight: 1, name: "a" },
    { url: "https://b.example/", weight: 1 },
  ]
  const { variant } = decision({ split })
  t.ok(["a", "1"].includes(variant))
})

t.test(
  "a visitor stays on one side of a split, and the shares are right over 100,000 visitors",
  async (t) => {
    const sides = [{ weight: 50 }, { weight: 30 }, { weight: 120 }]
    const counts = [0, 0, 0]
    const visitors = 100_000
    for (let n = 0; n < visitors; n++) {
      const visit = { ...VISIT, ip: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}` }
      const side = sideOf(sides, shareOf("lnk_1", visit))
      counts[side] = (counts[side] ?? 0) + 1
    }
    for (const [i, { weight }] of sides.entries()) {
      const expected = (visitors * weight) / 200
      // Four standard deviations of a binomial share: once in 16,000 runs of a fair hash, and this one is fixed.
      const allowed = 4 * Math.sqrt(expected * (1 - weight / 200))
      t.ok(Math.abs((counts[i] ?? 0) - expected) < allowed, `side ${i}: ${counts[i]} of ${expected}`)
    }
    const marked: Visit = { ...VISIT, language: "en", query: "x", browser: "other", nowMs: 5 }
    t.equal(
      shareOf("lnk_1", VISIT),
      shareOf("lnk_1", marked),
      "only link, ip, os and platform have a part in it",
    )
    t.not(shareOf("lnk_1", VISIT), shareOf("lnk_2", VISIT))
  },
)

t.test("rules come back from their record as they were written", async (t) => {
  const rules: Rule[] = [
    {
      name: "夜间",
      when: { hours: [{ from: "22:00", to: "06:00" }], timeZone: "Asia/Shanghai" },
      then: to("night"),
    },
    {
      when: { not: { ip: ["10.0.0.0/8"] } },
      then: {
        split: [
          { url: "https://a.example/", weight: 1 },
          { url: "https://b.example/", weight: 2 },
        ],
      },
    },
  ]
  const { record } = decodeLink(encodeLink({ epoch: 1, revision: 1 }, linkWith(rules)))
  t.same(
    record?.rules.map(({ rule }) => rule),
    rules,
  )
})

t.test("explain shows every line that was tried, and ends at the one that decided", async (t) => {
  const rules: Rule[] = [
    { name: "Android", when: { os: ["android"] }, then: to("android") },
    { when: { platform: ["wechat"], not: { query: [{ name: "x" }] } }, then: to("wechat") },
    { when: {}, then: to("rest") },
  ]
  const { decision, steps } = explain(linkWith(rules), { ...VISIT, query: "y=1" })
  t.match(decision, { url: "https://wechat.example/", rule: 1 })
  t.same(
    steps.map(({ step, applies }) => [step, applies]),
    [
      ["banned", false],
      ["startsAt", false],
      ["enabled", false],
      ["expiresAt", false],
      ["allowPlatforms", false],
      ["password", false],
      ["rules", true],
    ],
  )
  t.match(steps.at(-1)?.rules, [
    {
      number: 0,
      name: "Android",
      applies: false,
      checks: [{ condition: "os", wanted: ["android"], actual: "ios", holds: false }],
    },
    {
      number: 1,
      name: null,
      applies: true,
      checks: [
        { condition: "platform", not: false, actual: "wechat", holds: true },
        { condition: "query", not: true, actual: "y=1", holds: true },
      ],
    },
  ])
  t.equal(steps.at(-1)?.rules?.length, 2, "what comes after the deciding rule was not tried")
})

t.test("rules that can never decide are warned of, and others are not", async (t) => {
  const warned = (...whens: Rule["when"][]) =>
    ruleWarnings(whens.map((when) => ({ when, then: { deny: true } }))).map(
      ({ pointer, code }) => `${pointer} ${code}`,
    )
  t.same(warned({}, { os: ["ios"] }), ["/rules/1 shadowed"])
  t.same(warned({ os: ["ios", "android"] }, { os: ["ios"], platform: ["qq"] }), ["/rules/1 shadowed"])
  t.same(warned({ os: ["ios"] }, { os: ["ios", "android"] }), [])
  t.same(warned({ not: { os: ["ios"] } }, { not: { os: ["ios", "android"] } }), ["/rules/1 shadowed"])
  t.same(warned({ not: { os: ["ios", "android"] } }, { not: { os: ["ios"] } }), [])
  t.same(warned({ weekday: ["mon"], timeZone: "UTC" }, { weekday: ["mon"], timeZone: "Asia/Shanghai" }), [])
  t.same(warned({ os: ["ios"], not: { os: ["ios", "android"] } }), ["/rules/0/when/not never_holds"])
  t.same(warned({ os: ["ios", "android"], not: { os: ["ios"] } }), [])
  t.same(warned({ after: "2026-02-01T00:00:00.000Z", before: "2026-01-01T00:00:00.000Z" }), [
    "/rules/0/when never_holds",
  ])
  const outside = ruleWarnings([{ when: { platform: ["wechat"] }, then: { deny: true } }], ["qq"])
  t.match(outside, [{ pointer: "/rules/0/when/platform", code: "never_holds" }])
  t.same(ruleWarnings([{ when: { platform: ["wechat", "qq"] }, then: { deny: true } }], ["qq"]), [])
  const never = (when: Rule["when"]) =>
    t.same(warned({ ...when, timeZone: "UTC" }), ["/rules/0/when never_holds"], JSON.stringify(when))
  never({ hours: [{ from: "09:00", to: "09:00" }] })
  never({ hours: [{ from: "24:00", to: "00:00" }] })
  never({ not: { hours: [{ from: "00:00", to: "24:00" }] } })
  never({ not: { weekday: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] } })
  t.same(warned({ hours: [{ from: "00:00", to: "24:00" }], timeZone: "UTC" }), [])
  t.same(warned({ language: ["zh"] }, { language: ["zh-CN"] }), ["/rules/1 shadowed"])
  t.same(warned({ language: ["zh-CN"] }, { language: ["zh"] }), [])
})
