import { type CompiledRule, compileRule } from "./decide.ts"
import type { Rule } from "./rule.ts"
import { decodeVersioned, encodeVersioned, type RecordVersion, type Versioned } from "./versioned.ts"

/** Rules that many links share. */
export type RuleSetRecord = { rules: readonly CompiledRule[] }

/** See `EncodableLink`. */
export type EncodableRuleSet = { rules: readonly Pick<CompiledRule, "rule">[] }

export function encodeRuleSet(version: RecordVersion, ruleSet: EncodableRuleSet | null): string {
  return encodeVersioned(version, ruleSet && JSON.stringify(ruleSet.rules.map(({ rule }) => rule)))
}

/** Throws on a value that no version of this code wrote. */
export function decodeRuleSet(value: string): Versioned<RuleSetRecord> {
  return decodeVersioned(value, (body) => ({ rules: (JSON.parse(body) as Rule[]).map(compileRule) }))
}
