import { type CompiledRule, compileRule } from "../../packages/core/src/decide.ts"
import type { When } from "../../packages/core/src/rule.ts"
import { randomFrom } from "../../packages/core/test/support/random.ts"
import { writeTraffic } from "../load/traffic.ts"
import { makeUserAgents } from "../load/user-agents.ts"
import { edgeContestant } from "../measure/contestants.ts"
import { codeOf, HOST } from "../servers/links.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Scenario } from "./scenario.ts"

/** None holds for any visit of the bench, so every one is tried. */
const WHENS: When[] = [
  { language: ["en", "zh-TW"] },
  { country: ["US", "JP"] },
  { region: ["CN-BJ", "CN-SH"] },
  { ip: ["10.0.0.0/8", "2001:db8::/32"] },
  { query: [{ name: "utm_source", value: "mail" }] },
  { referrer: ["example.org"] },
  { after: "2040-01-01T00:00:00.000Z" },
  { before: "2020-01-01T00:00:00.000Z" },
  { weekday: ["sat", "sun"], timeZone: "Asia/Shanghai", platform: ["twitter"] },
  { hours: [{ from: "22:00", to: "06:00" }], timeZone: "Asia/Shanghai", referrer: ["example.org"] },
]
const USER_AGENTS = 5_000

export const rules: Scenario = {
  name: "rules",
  title: "A link with ten rules beside a link with none",
  async start(bench) {
    const traffic = await writeTraffic(bench, {
      host: HOST,
      paths: [`/${codeOf(0)}`],
      agents: makeUserAgents(randomFrom(1), USER_AGENTS),
    })
    const withRules = async (name: string, rules: CompiledRule[]) => {
      const { edge, redis } = await startSeededEdge(bench, { links: 1, settingsOf: () => ({ rules }) })
      return { ...edgeContestant(edge, redis, traffic), name }
    }
    return [await withRules("ten rules", WHENS.map(ruleOf)), await withRules("no rule", [])]
  },
}

function ruleOf(when: When) {
  return compileRule({ when, then: { redirect: "https://example.com/" } })
}
