import type { FieldProblem, LinkSettings } from "@qiao/core/link.ts"
import type { Rule } from "@qiao/core/rule.ts"
import { ruleWarnings } from "@qiao/core/rule-warnings.ts"
import type { Domain, PlatformStatuses } from "../db/schema.ts"
import { lookAlikeOf } from "../safety/look-alike.ts"
import { type Addresses, urlsOf } from "../safety/safe-urls.ts"

/** What is allowed but ought to be known, with pointers into the link. */
export function linkWarnings(
  settings: Warnable,
  { platformStatus }: Pick<Domain, "platformStatus">,
): FieldProblem[] {
  return [...settingsWarnings(settings), ...domainWarnings(platformStatus)]
}

type Warnable = Addresses & Partial<Pick<LinkSettings, "allowPlatforms">>

/** Those of a link's settings, or of a rule set. */
export function settingsWarnings(settings: Warnable): FieldProblem[] {
  return [...ruleWarnings(settings.rules, settings.allowPlatforms), ...hostWarnings(settings)]
}

/** Those of a rule set's rules that can never decide after a link's own; numbers as `explain` counts them. */
export function sharedRuleWarnings(own: readonly Rule[], shared: readonly Rule[]): FieldProblem[] {
  const all = ruleWarnings([...own, ...shared])
  return shared.flatMap((_, n) => {
    const pointer = `/rules/${own.length + n}`
    const warnings = all.filter((warning) => `${warning.pointer}/`.startsWith(`${pointer}/`))
    return warnings.map(({ code, detail }) => {
      return { pointer: "/ruleSetId", code, detail: `rule ${own.length + n}: ${detail}` }
    })
  })
}

function hostWarnings(settings: Addresses): FieldProblem[] {
  return urlsOf(settings).flatMap(({ pointer, url }) => {
    // Few have any: the others need not be parsed.
    const lookAlike = url.includes("xn--") ? lookAlikeOf(new URL(url).hostname) : null
    if (lookAlike === null) return []
    const { shown, isSuspicious, looksLike } = lookAlike
    const code = isSuspicious ? "look_alike" : "punycode_host"
    return [{ pointer, code, detail: `shows as ${shown}${looksLike === null ? "" : `, like ${looksLike}`}` }]
  })
}

/** One warning for each platform that blocks the domain. */
export function domainWarnings(statuses: PlatformStatuses): FieldProblem[] {
  return Object.entries(statuses).flatMap(([platform, { status, since, note }]) => {
    if (status !== "blocked") return []
    const detail = `is blocked in ${platform} since ${since}${note === null ? "" : `: ${note}`}`
    return [{ pointer: "/domain", code: "domain_blocked", detail }]
  })
}
