import { type FieldProblem, type LinkSettings, settingsProblems } from "@qiao/core/link.ts"
import type { Rule } from "@qiao/core/rule.ts"
import type { FastifyRequest } from "fastify"
import type { Trx } from "./db/connect.ts"
import { invalid } from "./problem.ts"
import { holdRules } from "./repositories/rule-sets.ts"
import { addressProblems, sharedAddressProblems } from "./safety/safe-urls.ts"

/** The settings of a link that is to be stored, or a 422 problem that names all that is wrong in them. `before` is what is stored now. */
export async function checkedSettings(
  req: FastifyRequest,
  trx: Trx,
  settings: LinkSettings,
  before: LinkSettings | null,
): Promise<LinkSettings> {
  return orRefuse(settings, [
    ...settingsProblems(settings),
    ...(await addressProblems(req, trx, settings, before)),
    ...(await ruleSetProblems(req, trx, settings, before)),
  ])
}

/** The rules of a rule set that is to be stored, likewise. */
export async function checkedRules(
  req: FastifyRequest,
  trx: Trx,
  rules: Rule[],
  before: Rule[] | null,
): Promise<Rule[]> {
  return orRefuse(rules, await addressProblems(req, trx, { rules }, before && { rules: before }))
}

/** A link keeps the rule set it has: that one is there as long as the link is, and what it leads to was checked. */
async function ruleSetProblems(
  req: FastifyRequest,
  trx: Trx,
  { ruleSetId }: LinkSettings,
  before: LinkSettings | null,
): Promise<FieldProblem[]> {
  if (ruleSetId === null || ruleSetId === before?.ruleSetId) return []
  const rules = await holdRules(trx, req.caller.workspaceId, ruleSetId)
  return rules === null ? [unknownRuleSet(ruleSetId)] : sharedAddressProblems(req, trx, rules)
}

/** `at` points to where the link stands in the body. */
export function unknownRuleSet(id: string, at = ""): FieldProblem {
  const detail = `this workspace has no rule set ${id}`
  return { pointer: `${at}/ruleSetId`, code: "unknown_rule_set", detail }
}

/** `at` points to where the value stands in the body. */
export function orRefuse<T>(value: T, problems: FieldProblem[], at = ""): T {
  if (problems.length === 0) return value
  throw invalid(problems.map((problem) => ({ ...problem, pointer: at + problem.pointer })))
}
