import { type CompiledRule, compileRule } from "@qiao/core/decide.ts"
import type { Action, When } from "@qiao/core/rule.ts"

export function rule(when: When, action: Action, name?: string): CompiledRule {
  return compileRule({ when, then: action, ...(name !== undefined && { name }) })
}
