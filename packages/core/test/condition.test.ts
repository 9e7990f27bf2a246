import t from "tap"
import { compileWhen, type Visit } from "../src/condition.ts"
import { CONDITION_NAMES, rule, type When } from "../src/rule.ts"
import { VISIT } from "./support/visit.ts"

const holds = (when: When, change: Partial<Visit> = {}) =>
  compileWhen(when).every((check) => check.holds({ ...VISIT, ...change }))

const at = (iso: string): Partial<Visit> => ({ nowMs: Date.parse(iso) })

/** For each condition: what it is, visits for which it holds, and visits for which it does not. */
const CASES: [when: When, yes: Partial<Visit>[], no: Partial<Visit>[]][] = [
  [{ platform: ["wechat", "qq"] }, [{ platform: "qq" }], [{ platform: "browser" }]],
  [{ os: ["ios"] }, [{ os: "ios" }], [{ os: "android" }]],
  [{ device: ["phone"] }, [{ device: "phone" }], [{ device: "desktop" }]],
  [{ browser: ["safari"] }, [{ browser: "safari" }], [{ browser: "chrome" }]],
  [{ language: ["zh"] }, [{ language: "zh" }, { language: "zh-TW" }], [{ language: "en" }, { language: "" }]],
  [{ language: ["zh-CN"] }, [{ language: "zh-CN" }], [{ language: "zh" }, { language: "zh-TW" }]],
  [{ country: ["CN", "HK"] }, [{ ip: "203.0.113.7" }], [{ ip: "198.51.100.1" }, { ip: "" }]],
  [{ region: ["CN-GD"] }, [{ ip: "203.0.113.7" }], [{ ip: "198.51.100.1" }]],
  [
    { ip: ["10.0.0.0/8", "172.16.0.0/12", "2001:db8::/33", "192.0.2.7"] },
    [
      ...[{ ip: "10.255.0.1" }, { ip: "172.31.255.255" }, { ip: "192.0.2.7" }, { ip: "::ffff:192.0.2.7" }],
      ...[{ ip: "2001:db8:1::1" }, { ip: "2001:db8:7fff:ffff::" }],
    ],
    [
      ...[{ ip: "11.0.0.1" }, { ip: "172.32.0.0" }, { ip: "192.0.2.8" }, { ip: "" }, { ip: "x" }],
      ...[{ ip: "2001:db9::1" }, { ip: "2001:db8:8000::" }, { ip: "fe80::1%eth0" }],
    ],
  ],
  [
    { ip: ["0.0.0.0/0", "::1/128"] },
    [{ ip: "1.2.3.4" }, { ip: "::1" }],
    [{ ip: "::2" }, { ip: "2001:db8::" }],
  ],
  [
    { query: [{ name: "utm", value: "a b" }, { name: "flag" }] },
    [{ query: "utm=a+b" }, { query: "utm=a%20b&x" }, { query: "x&flag" }, { query: "fl%61g=1" }],
    [{ query: "utm=a" }, { query: "" }, { query: "flags" }],
  ],
  [
    { referrer: ["example.com"] },
    [{ referrer: "example.com" }, { referrer: "a.b.example.com" }],
    [{ referrer: "badexample.com" }, { referrer: "" }, { referrer: "com" }],
  ],
  [{ after: "2026-01-01T00:00:00.000Z" }, [at("2026-01-01T00:00:00Z")], [at("2025-12-31T23:59:59.999Z")]],
  [{ before: "2026-01-01T00:00:00.000Z" }, [at("2025-12-31T23:59:59.999Z")], [at("2026-01-01T00:00:00Z")]],
  [
    { weekday: ["mon"], timeZone: "Asia/Shanghai" },
    [at("2026-11-22T16:00:00Z"), at("2026-11-23T15:59:59Z")],
    [at("2026-11-22T15:59:59Z"), at("2026-11-23T16:00:00Z")],
  ],
  [
    { hours: [{ from: "22:00", to: "06:00" }], timeZone: "Asia/Shanghai" },
    [at("2026-11-22T14:00:00Z"), at("2026-11-22T21:59:59Z")],
    [at("2026-11-22T13:59:59Z"), at("2026-11-22T22:00:00Z")],
  ],
  [
    {
      hours: [
        { from: "09:00", to: "12:00" },
        { from: "13:30", to: "24:00" },
      ],
      timeZone: "Asia/Kolkata",
    },
    [at("2026-11-22T03:30:00Z"), at("2026-11-22T08:00:00Z"), at("2026-11-22T18:29:59Z")],
    [at("2026-11-22T03:29:59Z"), at("2026-11-22T06:30:00Z"), at("2026-11-22T18:30:00Z")],
  ],
  // New York sets its clocks back on 2026-11-01 at 06:00 UTC: local 01:30 comes twice.
  [
    { hours: [{ from: "01:00", to: "02:00" }], timeZone: "America/New_York" },
    [at("2026-11-01T05:30:00Z"), at("2026-11-01T06:30:00Z")],
    [at("2026-11-01T04:30:00Z"), at("2026-11-01T07:30:00Z")],
  ],
]

t.test(
  "each condition holds for what it names and for nothing else, and the other way round in `not`",
  async (t) => {
    for (const [when, yes, no] of CASES) {
      const { timeZone, ...not } = when
      const negated: When = { not, ...(timeZone !== undefined && { timeZone }) }
      for (const change of yes) {
        t.equal(holds(when, change), true, `${JSON.stringify(when)} ${JSON.stringify(change)}`)
        t.equal(holds(negated, change), false)
      }
      for (const change of no) {
        t.equal(holds(when, change), false, `${JSON.stringify(when)} ${JSON.stringify(change)}`)
        t.equal(holds(negated, change), true)
      }
    }
    const covered = new Set(CASES.flatMap(([when]) => Object.keys(when)))
    t.same(
      CONDITION_NAMES.filter((name) => !covered.has(name)),
      [],
      "every condition is in the table",
    )
  },
)

t.test("all conditions must hold, and an empty list of them always does", async (t) => {
  t.ok(holds({}))
  t.ok(holds({ platform: ["wechat"], os: ["ios"] }))
  t.notOk(holds({ platform: ["wechat"], os: ["android"] }))
  t.notOk(holds({ platform: ["wechat"], not: { os: ["ios"] } }))
  t.notOk(holds({ not: { platform: ["qq"], os: ["ios"] } }), "none of the conditions in `not` may hold")
})

t.test("a wrong rule is refused with a pointer to the field that is wrong", async (t) => {
  const faultsOf = (when: object, then: object = { deny: true }) =>
    rule.safeParse({ when, then }).error?.issues.map(({ path }) => path.join("/")) ?? []
  const cases: [when: object, then: object | undefined, path: string][] = [
    [{ platform: [] }, undefined, "when/platform"],
    [{ platform: ["weixin"] }, undefined, "when/platform/0"],
    [{ ip: ["10.0.0.0/8", "10.0.0.0/33"] }, undefined, "when/ip/1"],
    [{ ip: ["::1/129"] }, undefined, "when/ip/0"],
    [{ ip: ["fe80::1%eth0/64"] }, undefined, "when/ip/0"],
    [{ query: [{ name: "a", value: "\u0000" }] }, undefined, "when/query/0/value"],
    [{ language: ["zh-cn"] }, undefined, "when/language/0"],
    [{ referrer: ["Example.com"] }, undefined, "when/referrer/0"],
    [{ hours: [{ from: "9:00", to: "12:00" }], timeZone: "UTC" }, undefined, "when/hours/0/from"],
    [{ hours: [{ from: "09:00", to: "12:00" }] }, undefined, "when/timeZone"],
    [{ not: { weekday: ["mon"] } }, undefined, "when/timeZone"],
    [{ weekday: ["monday"], timeZone: "UTC" }, undefined, "when/weekday/0"],
    [{ weekday: ["mon"], timeZone: "Mars/Base" }, undefined, "when/timeZone"],
    [{ after: "tomorrow" }, undefined, "when/after"],
    [{ after: "1969-12-31T23:59:59Z" }, undefined, "when/after"],
    [{ country: ["china"] }, undefined, "when/country/0"],
    [{ country: ["GB", "UK"] }, undefined, "when/country/1"],
    [{ region: ["GD"] }, undefined, "when/region/0"],
    [{ region: ["US-CA", "CN-XX"] }, undefined, "when/region/1"],
    [{ query: [{ name: "" }] }, undefined, "when/query/0/name"],
    [{ not: { os: ["beos"] } }, undefined, "when/not/os/0"],
    [{}, { redirect: "javascript:alert(1)" }, "then/redirect"],
    [{}, { redirect: "https://a.example/", deny: true }, "then"],
    [{}, {}, "then"],
    [{}, { split: [{ url: "https://a.example/", weight: 1 }] }, "then/split"],
    [
      {},
      {
        split: [
          { url: "x", weight: 0 },
          { url: "https://a.example/", weight: 1 },
        ],
      },
      "then/split/0/url",
    ],
  ]
  for (const [when, then, path] of cases)
    t.ok(faultsOf(when, then).includes(path), `${path}: ${faultsOf(when, then)}`)
  t.ok(faultsOf({ isBot: true }).length > 0, "there is no condition on crawlers")
})
