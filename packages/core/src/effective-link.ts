import type { DomainRecord } from "./domain-record.ts"
import type { LinkRecord } from "./record.ts"
import type { RuleSetRecord } from "./rule-set-record.ts"

/** The link as it is decided upon: with its domain's `expiredUrl` where it has none, and its rule set's rules after its own. */
export function effectiveLink(
  link: LinkRecord,
  { expiredUrl }: Pick<DomainRecord, "expiredUrl">,
  ruleSet: RuleSetRecord | null,
): LinkRecord {
  if (ruleSet === null && (link.expiredUrl !== null || expiredUrl === null)) return link
  return {
    ...link,
    expiredUrl: link.expiredUrl ?? expiredUrl,
    rules: ruleSet === null ? link.rules : [...link.rules, ...ruleSet.rules],
  }
}
