import { type Check, compileWhen, type Visit } from "./condition.ts"
import type { LinkRecord } from "./record.ts"
import type { Rule } from "./rule.ts"
import { shareOf, sideOf } from "./split.ts"

export type Page = "not_started" | "gone" | "banned" | "denied" | "guide"

/**
 * What the edge does. `outcome` is what statistics call it, `rule` the number of the rule that decided (from 0) or null, `variant` the
 * side of a split or "". `reserve` says that the redirect uses up one of the link's `maxClicks` and becomes `whenExhausted(link)` when
 * none is left.
 */
export type Decision = { rule: number | null; variant: string } & (
  | { kind: "redirect"; outcome: "redirect" | "fallback"; url: string; reserve: boolean }
  | { kind: "page"; outcome: Outcome; page: Page }
)

/** Every outcome of a recorded visit; a click is a human visit whose outcome is `redirect`. */
export const OUTCOMES = [
  "redirect",
  "fallback",
  "guide",
  "denied",
  "not_started",
  "disabled",
  "expired",
  "exhausted",
  "banned",
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** A rule, ready to compare. */
export type CompiledRule = { rule: Rule; checks: readonly Check[] }

export function compileRule(rule: Rule): CompiledRule {
  return { rule, checks: compileWhen(rule.when) }
}

/** The first line that applies wins. */
export function decide(link: LinkRecord, visit: Visit): Decision {
  for (const line of LINES) {
    const decision = line.decide(link, visit)
    if (decision !== null) return decision
  }
  return redirectTo(link, link.url)
}

/** The decision for a link whose `maxClicks` are used up. */
export function whenExhausted(link: LinkRecord): Decision {
  return expiry(link, "exhausted")
}

type Line = {
  name: string
  decide: (link: LinkRecord, visit: Visit) => Decision | null
  /** What `decide` looks at, for `explain`. */
  compared: (link: LinkRecord, visit: Visit) => Record<string, unknown>
}

/** The decision, as a table. */
export const LINES: readonly Line[] = [
  {
    name: "banned",
    decide: (link) => (link.banned ? BANNED : null),
    compared: (link) => ({ banned: link.banned }),
  },
  {
    name: "startsAt",
    decide: (link, visit) => (link.startsAt !== null && visit.nowMs < link.startsAt ? NOT_STARTED : null),
    compared: (link, visit) => ({ now: iso(visit.nowMs), startsAt: iso(link.startsAt) }),
  },
  {
    name: "enabled",
    decide: (link) => (link.enabled ? null : DISABLED),
    compared: (link) => ({ enabled: link.enabled }),
  },
  {
    name: "expiresAt",
    decide: (link, visit) =>
      link.expiresAt !== null && visit.nowMs >= link.expiresAt ? expiry(link, "expired") : null,
    compared: (link, visit) => ({ now: iso(visit.nowMs), expiresAt: iso(link.expiresAt) }),
  },
  {
    name: "allowPlatforms",
    decide: ({ allowPlatforms }, { platform }) =>
      allowPlatforms === null || allowPlatforms.has(platform) ? null : DENIED,
    compared: ({ allowPlatforms }, { platform }) => ({
      platform,
      allowPlatforms: allowPlatforms && [...allowPlatforms],
    }),
  },
  {
    name: "rules",
    decide: firstRule,
    compared: (link) => ({ rules: link.rules.length }),
  },
  {
    name: "guidePlatforms",
    decide: ({ guidePlatforms }, { platform }) => (guidePlatforms.has(platform) ? GUIDE : null),
    compared: ({ guidePlatforms }, { platform }) => ({ platform, guidePlatforms: [...guidePlatforms] }),
  },
]

const PLAIN = { rule: null, variant: "" } as const
const BANNED: Decision = { ...PLAIN, kind: "page", outcome: "banned", page: "banned" }
const NOT_STARTED: Decision = { ...PLAIN, kind: "page", outcome: "not_started", page: "not_started" }
const DISABLED: Decision = { ...PLAIN, kind: "page", outcome: "disabled", page: "gone" }
const DENIED: Decision = { ...PLAIN, kind: "page", outcome: "denied", page: "denied" }
const GUIDE: Decision = { ...PLAIN, kind: "page", outcome: "guide", page: "guide" }

function firstRule(link: LinkRecord, visit: Visit): Decision | null {
  const { rules } = link
  for (let number = 0; number < rules.length; number++) {
    const compiled = rules[number]
    if (compiled?.checks.every((check) => check.holds(visit))) return act(link, compiled.rule, number, visit)
  }
  return null
}

function act(link: LinkRecord, { then }: Rule, number: number, visit: Visit): Decision {
  if (then.guide) return { ...GUIDE, rule: number }
  if (then.deny) return { ...DENIED, rule: number }
  if (then.redirect !== undefined) return { ...redirectTo(link, then.redirect), rule: number }
  const sides = then.split ?? []
  const index = sideOf(sides, shareOf(link.id, visit))
  const { url, name } = sides[index] ?? { url: link.url }
  return { ...redirectTo(link, url), rule: number, variant: name ?? String(index) }
}

function redirectTo(link: LinkRecord, url: string): Decision {
  return { ...PLAIN, kind: "redirect", outcome: "redirect", url, reserve: link.maxClicks !== null }
}

function expiry(link: LinkRecord, outcome: "expired" | "exhausted"): Decision {
  if (link.expiredUrl === null) return { ...PLAIN, kind: "page", outcome, page: "gone" }
  return { ...PLAIN, kind: "redirect", outcome: "fallback", url: link.expiredUrl, reserve: false }
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
