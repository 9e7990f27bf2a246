import t from "tap"
import { compileWhen, type Visit } from "../src/condition.ts"
import { compileRule, decide } from "../src/decide.ts"
import { explain } from "../src/explain.ts"
import { decodeLink, encodeLink } from "../src/record.ts"
import { CONDITION_NAMES, type ConditionName, type Rule, rule as ruleSchema, type When } from "../src/rule.ts"
import { PLAIN_LINK } from "./support/link.ts"
import { type Random, seededRandom } from "./support/random.ts"
import { VISIT } from "./support/visit.ts"

const RUNS = 3_000

/** What a random visit may be, and of each condition some wanted values, each with the visits for which it holds, plainly. */
type Kind = {
  change: readonly Partial<Visit>[]
  values: readonly [value: unknown, holds: (visit: Visit) => boolean][]
  /** Takes one value, not a list. */
  isSingle?: true
}

const word = (name: "platform" | "os" | "device" | "browser", words: string[]): Kind => ({
  change: words.map((value) => ({ [name]: value })),
  values: words.map((value) => [value, (visit) => visit[name] === value]),
})
const at = (iso: string) => ({ nowMs: Date.parse(iso) })
const NOON = "2026-01-07T12:00:00.000Z"
const MIDNIGHT = "2026-01-11T00:30:00.000Z"

const KINDS: Record<ConditionName, Kind> = {
  platform: word("platform", ["wechat", "qq", "douyin", "browser"]),
  os: word("os", ["ios", "android", "windows"]),
  device: word("device", ["phone", "desktop"]),
  browser: word("browser", ["safari", "webview"]),
  language: {
    change: [{ language: "zh-CN" }, { language: "zh" }, { language: "en-US" }, { language: "" }],
    values: [
      ["zh", ({ language }) => language === "zh-CN" || language === "zh"],
      ["zh-CN", ({ language }) => language === "zh-CN"],
      ["en", ({ language }) => language === "en-US"],
    ],
  },
  country: {
    change: [{ ip: "203.0.113.7" }, { ip: "198.51.100.1" }],
    values: [
      ["CN", ({ ip }) => ip === "203.0.113.7"],
      ["US", () => false],
    ],
  },
  region: {
    change: [{ ip: "203.0.113.7" }, { ip: "2001:db8::1" }],
    values: [
      ["CN-GD", ({ ip }) => ip === "203.0.113.7"],
      ["CN-BJ", () => false],
    ],
  },
  ip: {
    change: [{ ip: "203.0.113.7" }, { ip: "198.51.100.1" }, { ip: "2001:db8::1" }, { ip: "" }],
    values: [
      ["203.0.113.0/24", ({ ip }) => ip === "203.0.113.7"],
      ["2001:db8::/32", ({ ip }) => ip === "2001:db8::1"],
      ["198.51.100.1", ({ ip }) => ip === "198.51.100.1"],
    ],
  },
  query: {
    change: [{ query: "" }, { query: "utm=a&flag" }, { query: "utm=b" }],
    values: [
      [{ name: "utm" }, ({ query }) => query !== ""],
      [{ name: "utm", value: "a" }, ({ query }) => query === "utm=a&flag"],
      [{ name: "flag" }, ({ query }) => query === "utm=a&flag"],
    ],
  },
  referrer: {
    change: [{ referrer: "" }, { referrer: "news.example.com" }, { referrer: "badexample.com" }],
    values: [
      ["example.com", ({ referrer }) => referrer === "news.example.com"],
      ["badexample.com", ({ referrer }) => referrer === "badexample.com"],
    ],
  },
  after: {
    change: [at(NOON), at(MIDNIGHT)],
    values: [[MIDNIGHT, ({ nowMs }) => nowMs === Date.parse(MIDNIGHT)]],
    isSingle: true,
  },
  before: {
    change: [at(NOON), at(MIDNIGHT)],
    values: [[MIDNIGHT, ({ nowMs }) => nowMs !== Date.parse(MIDNIGHT)]],
    isSingle: true,
  },
  // In Shanghai it is Wednesday 20:00 and Sunday 08:30.
  weekday: {
    change: [at(NOON), at(MIDNIGHT)],
    values: [
      ["wed", ({ nowMs }) => nowMs === Date.parse(NOON)],
      ["sun", ({ nowMs }) => nowMs === Date.parse(MIDNIGHT)],
      ["sat", () => false],
    ],
  },
  hours: {
    change: [at(NOON), at(MIDNIGHT)],
    values: [
      [{ from: "20:00", to: "08:00" }, ({ nowMs }) => nowMs === Date.parse(NOON)],
      [{ from: "08:00", to: "20:00" }, ({ nowMs }) => nowMs === Date.parse(MIDNIGHT)],
    ],
  },
}

type Condition = { name: ConditionName; wanted: unknown; holds: (visit: Visit) => boolean }

function randomCondition(random: Random, name: ConditionName): Condition {
  const { values, isSingle } = KINDS[name]
  const chosen = random.shuffle(values).slice(0, isSingle ? 1 : 1 + random.below(values.length))
  const wanted = chosen.map(([value]) => value)
  return {
    name,
    wanted: isSingle ? wanted[0] : wanted,
    holds: (visit) => chosen.some(([, holds]) => holds(visit)),
  }
}

type Oracle = { rule: Rule; holds: (visit: Visit) => boolean }

function randomRule(random: Random, number: number): Oracle {
  const some = () =>
    random
      .shuffle(CONDITION_NAMES)
      .slice(0, random.below(3))
      .map((name) => randomCondition(random, name))
  const [wanted, excluded] = [some(), some()]
  const conditions = (list: Condition[]) => Object.fromEntries(list.map(({ name, wanted }) => [name, wanted]))
  const when = { ...conditions(wanted), not: conditions(excluded), timeZone: "Asia/Shanghai" }
  return {
    rule: ruleSchema.parse({ when, then: { redirect: `https://r${number}.example/` } }),
    holds: (visit) =>
      wanted.every((each) => each.holds(visit)) && !excluded.some((each) => each.holds(visit)),
  }
}

function randomVisit(random: Random): Visit {
  const changes = random
    .shuffle(Object.values(KINDS))
    .map(({ change }) => change[random.below(change.length)])
  return Object.assign({}, VISIT, ...changes)
}

t.test("the first rule that holds decides, whatever the rules and the visit", async (t) => {
  const random = seededRandom(t)
  let decided = 0
  for (let run = 0; run < RUNS; run++) {
    const oracles = Array.from({ length: 1 + random.below(6) }, (_, number) => randomRule(random, number))
    const visit = randomVisit(random)
    const expected = oracles.findIndex(({ holds }) => holds(visit))
    const rules = oracles.map(({ rule }) => rule)
    const link = { ...PLAIN_LINK, rules: rules.map(compileRule) }
    const decision = decide(link, visit)
    if (decision.rule !== (expected === -1 ? null : expected)) {
      t.fail(`rule ${decision.rule} decided instead of ${expected}`, { rules, visit })
    }
    t.same(explain(link, visit).decision, decision)
    const { record } = decodeLink(encodeLink({ epoch: 1, revision: 1 }, link))
    t.same(record && decide(record, visit), decision, "what the edge reads decides alike")
    if (expected === -1) continue
    decided++
    const shuffled = [...rules.slice(0, expected + 1), ...random.shuffle(rules.slice(expected + 1))]
    t.same(decide({ ...link, rules: shuffled.map(compileRule) }, visit), decision, "later rules have no say")
  }
  t.ok(decided > RUNS / 4, `${decided} visits were decided by a rule`)
})

t.test("a condition holds exactly where its negation does not", async (t) => {
  const random = seededRandom(t)
  for (let run = 0; run < RUNS; run++) {
    const { name, wanted, holds } = randomCondition(random, random.pick(CONDITION_NAMES as [ConditionName]))
    const visit = randomVisit(random)
    const compiled = (when: object) =>
      compileWhen({ ...when, timeZone: "Asia/Shanghai" } as When).every((check) => check.holds(visit))
    const label = `${name} ${JSON.stringify(wanted)}`
    t.equal(compiled({ [name]: wanted }), holds(visit), label)
    t.equal(compiled({ not: { [name]: wanted } }), !holds(visit), `not ${label}`)
  }
})
