import type { DomainRecord } from "@qiao/core/domain-record.ts"
import { effectiveLink } from "@qiao/core/effective-link.ts"
import { ruleSetName } from "@qiao/core/keys.ts"
import type { LinkRecord } from "@qiao/core/record.ts"
import { type RecurringText, recurringText } from "@qiao/core/recurring-text.ts"
import type { RuleSetRecord } from "@qiao/core/rule-set-record.ts"

/** A link with what its redirect needs ready-made, once a read instead of once a visit. The text is its id, which its visits have. */
export type PreparedLink = RecurringText & {
  record: LinkRecord
  redirectHeaders: RedirectHeaders
  /** Of the rules without which it cannot be decided upon; null where it shares none. */
  ruleSetName: string | null
  /** What `effectiveOf` made of it last. */
  merged: Merged | null
}

type Merged = { expiredUrl: string | null; ruleSet: RuleSetRecord | null; link: LinkRecord }

/** Names and values in turn, as `writeHead` takes them. */
export type RedirectHeaders = string[]

export function prepareLink(record: LinkRecord): PreparedLink {
  return {
    ...recurringText(record.id),
    record,
    redirectHeaders: redirectHeaders(record.url),
    ruleSetName: record.ruleSetId === null ? null : ruleSetName(record.ruleSetId),
    merged: null,
  }
}

/** The link as it is decided upon; merged anew only where the domain or the rule set changed. */
export function effectiveOf(
  link: PreparedLink,
  domain: DomainRecord,
  ruleSet: RuleSetRecord | null,
): LinkRecord {
  const { expiredUrl } = domain
  if (ruleSet === null && expiredUrl === null) return link.record
  const { merged } = link
  if (merged !== null && merged.ruleSet === ruleSet && merged.expiredUrl === expiredUrl) return merged.link
  link.merged = { expiredUrl, ruleSet, link: effectiveLink(link.record, domain, ruleSet) }
  return link.merged.link
}

/** `url` is an ASCII href: Node refuses to write anything that could split the header. */
export function redirectHeaders(url: string): RedirectHeaders {
  return ["Location", url, "Cache-Control", "private, no-store", "Content-Length", "0"]
}
