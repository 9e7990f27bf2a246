import t from "tap"
import { compileWhen, type Visit } from "../src/condition.ts"
import { compileRule, decide } from "../src/decide.ts"
import { explain } from "../src/explain.ts"
import { decodeLink, encodeLink } from "../src/record.ts"
import { type Conditions, type Rule, rule as ruleSchema, type When } from "../src/rule.ts"
import { PLAIN_LINK } from "./support/link.ts"
import { type Random, seededRandom } from "./support/random.ts"
import { VISIT } from "./support/visit.ts"

const RUNS = 3_000

const WORDS = {
  platform: ["wechat", "qq", "douyin", "browser"],
  os: ["ios", "android", "windows"],
  device: ["phone", "desktop"],
  browser: ["safari", "webview"],
} as const
type Word = keyof typeof WORDS

const words = Object.keys(WORDS) as [Word, ...Word[]]

function someOf(random: Random, word: Word): string[] {
  const [first, ...rest] = random.shuffle<string>(WORDS[word])
  return [first ?? "", ...rest.slice(0, random.below(rest.length))]
}

function randomConditions(random: Random): Conditions {
  const chosen = random.shuffle(words).slice(0, random.below(3))
  return Object.fromEntries(chosen.map((word) => [word, someOf(random, word)])) as Conditions
}

function randomRule(random: Random, number: number): Rule {
  const when: When = { ...randomConditions(random), not: randomConditions(random) }
  return ruleSchema.parse({ when, then: { redirect: `https://r${number}.example/` } })
}

function randomVisit(random: Random): Visit {
  const pick = (word: Word) => random.pick(WORDS[word])
  return {
    ...VISIT,
    ...(Object.fromEntries(words.map((word) => [word, pick(word)])) as Pick<Visit, Word>),
  }
}

/** What the documentation says, written down a second time, as plainly as can be. */
function plainly({ not = {}, ...when }: When, visit: Visit): boolean {
  const has = (word: Word, of: Conditions) => (of[word] as string[] | undefined)?.includes(visit[word])
  return words.every((word) => has(word, when) !== false && has(word, not) !== true)
}

t.test("the first rule that holds decides, whatever the rules and the visit", async (t) => {
  const random = seededRandom(t)
  for (let run = 0; run < RUNS; run++) {
    const rules = Array.from({ length: 1 + random.below(6) }, (_, number) => randomRule(random, number))
    const visit = randomVisit(random)
    const expected = rules.findIndex(({ when }) => plainly(when, visit))
    const link = { ...PLAIN_LINK, rules: rules.map(compileRule) }
    const decision = decide(link, visit)
    t.equal(decision.rule, expected === -1 ? null : expected, JSON.stringify({ rules, visit }))
    t.same(explain(link, visit).decision, decision)
    const { record } = decodeLink(encodeLink({ epoch: 1, revision: 1 }, link))
    t.same(record && decide(record, visit), decision, "what the edge reads decides alike")
    const [decided, ...rest] = rules.slice(Math.max(expected, 0))
    const shuffled = [
      ...rules.slice(0, Math.max(expected, 0)),
      ...(decided ? [decided] : []),
      ...random.shuffle(rest),
    ]
    if (expected !== -1) {
      t.same(
        decide({ ...link, rules: shuffled.map(compileRule) }, visit),
        decision,
        "later rules have no say",
      )
    }
  }
})

t.test("a condition holds exactly where its negation does not", async (t) => {
  const random = seededRandom(t)
  for (let run = 0; run < RUNS; run++) {
    const word = random.pick(words)
    const wanted = { [word]: someOf(random, word) } as Conditions
    const visit = randomVisit(random)
    const holds = (when: When) => compileWhen(when).every((check) => check.holds(visit))
    t.equal(holds(wanted), !holds({ not: wanted }))
  }
})
