import type { Visit } from "./condition.ts"
import { type Decision, decide, LINES } from "./decide.ts"
import type { LinkRecord } from "./record.ts"

/** One condition of a rule: what it wanted, what the visit has, and whether that held (`not` taken into account). */
export type ExplainedCheck = {
  condition: string
  not: boolean
  wanted: unknown
  actual: unknown
  holds: boolean
}

export type ExplainedRule = {
  number: number
  name: string | null
  applies: boolean
  checks: ExplainedCheck[]
}

/** One line of the decision that was tried, in order; the last one applied, or none did. */
export type Step = {
  step: string
  applies: boolean
  compared: Record<string, unknown>
  rules?: ExplainedRule[]
}

export type Explanation = { decision: Decision; steps: Step[] }

/** What `decide` does with this visit, and every line that it tried on the way. */
export function explain(link: LinkRecord, visit: Visit): Explanation {
  const steps: Step[] = []
  for (const line of LINES) {
    const applies = line.decide(link, visit) !== null
    const step = { step: line.name, applies, compared: line.compared(link, visit) }
    steps.push(line.name === "rules" ? { ...step, rules: triedRules(link, visit) } : step)
    if (applies) break
  }
  return { decision: decide(link, visit), steps }
}

/** The rules up to the one that applies. */
function triedRules(link: LinkRecord, visit: Visit): ExplainedRule[] {
  const tried: ExplainedRule[] = []
  for (const [number, { rule, checks }] of link.rules.entries()) {
    const explained = checks.map(({ condition, isNegated, wanted, holds, actual }) => ({
      ...{ condition, not: isNegated, wanted, actual: actual(visit), holds: holds(visit) },
    }))
    const applies = explained.every((check) => check.holds)
    tried.push({ number, name: rule.name ?? null, applies, checks: explained })
    if (applies) break
  }
  return tried
}
