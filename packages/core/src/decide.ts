import { type AppTarget, appTargetOf, type MiniProgramTarget, miniProgramTargetOf } from "./app.ts"
import { type Check, compileWhen, type Visit } from "./condition.ts"
import type { LinkRecord } from "./record.ts"
import type { Rule } from "./rule.ts"
import { shareOf, sideOf } from "./split.ts"

export type Page = "not_started" | "gone" | "banned" | "denied" | "password" | "guide"

/**
 * What the edge does. `outcome` is what statistics call it, `rule` the number of the rule that decided (from 0, the link's own before
 * those of its rule set) or null, `variant` the side of a split or "". `reserve` says that the redirect uses up one of the link's
 * `maxClicks` and becomes `whenExhausted(link)` when none is left.
 */
export type Decision = { rule: number | null; variant: string } & (
  | { kind: "redirect"; outcome: "redirect" | "fallback"; url: string; reserve: boolean }
  | { kind: "page"; outcome: Outcome; page: Page }
  | { kind: "app"; outcome: "app"; target: AppTarget }
  | { kind: "mini_program"; outcome: "mini_program"; target: MiniProgramTarget }
)

/** Every outcome of a recorded visit; a click is a human visit whose outcome is `redirect`. */
export const OUTCOMES = [
  "redirect",
  "fallback",
  "guide",
  "app",
  "mini_program",
  "password",
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
  return redirectTo(link, link.url, null)
}

/** The decision for a link whose `maxClicks` are used up. */
export function whenExhausted(link: LinkRecord): Decision {
  return expiry(link, "exhausted")
}

/** The decision for an answer that would lead to something banned. */
export function whenBanned({ rule, variant }: Decision): Decision {
  return { ...BANNED, rule, variant }
}

/** What statistics call the rule that decided: its name, else its number from 1; "" where none did. */
export function ruleLabel(link: LinkRecord, { rule }: Decision): string {
  return rule === null ? "" : (link.rules[rule]?.rule.name ?? `#${rule + 1}`)
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
    name: "password",
    decide: (link, visit) => (link.password === null || visit.isUnlocked ? null : PASSWORD),
    compared: (link, visit) => ({ hasPassword: link.password !== null, isUnlocked: visit.isUnlocked }),
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

const PLAIN = { rule: null, variant: "", kind: "page" } as const
const BANNED: Decision = { ...PLAIN, outcome: "banned", page: "banned" }
const NOT_STARTED: Decision = { ...PLAIN, outcome: "not_started", page: "not_started" }
const DISABLED: Decision = { ...PLAIN, outcome: "disabled", page: "gone" }
const DENIED: Decision = { ...PLAIN, outcome: "denied", page: "denied" }
const PASSWORD: Decision = { ...PLAIN, outcome: "password", page: "password" }
const GUIDE: Decision = { ...PLAIN, outcome: "guide", page: "guide" }

function firstRule(link: LinkRecord, visit: Visit): Decision | null {
  const { rules } = link
  for (let number = 0; number < rules.length; number++) {
    const compiled = rules[number]
    if (compiled !== undefined && allHold(compiled.checks, visit))
      return act(link, compiled.rule, number, visit)
  }
  return null
}

/** Not `every`, whose closure would be made anew for each rule of each visit. */
function allHold(checks: readonly Check[], visit: Visit): boolean {
  for (const check of checks) if (!check.holds(visit)) return false
  return true
}

function act(link: LinkRecord, { then }: Rule, rule: number, visit: Visit): Decision {
  if (then.redirect !== undefined) return redirectTo(link, then.redirect, rule)
  if (then.guide) return { ...GUIDE, rule }
  if (then.deny) return { ...DENIED, rule }
  if (then.split !== undefined) {
    const index = sideOf(then.split, shareOf(link.id, visit))
    const { url, name } = then.split[index] ?? { url: link.url }
    return redirectTo(link, url, rule, name ?? String(index))
  }
  if (then.app !== undefined) {
    const target = appTargetOf(then.app, link.url, visit)
    if (target === null) return redirectTo(link, then.app.web ?? link.url, rule)
    return { kind: "app", outcome: "app", target, rule, variant: "" }
  }
  const target = then.miniProgram && miniProgramTargetOf(then.miniProgram, link.url, visit)
  if (!target) return redirectTo(link, then.miniProgram?.web ?? link.url, rule)
  return { kind: "mini_program", outcome: "mini_program", target, rule, variant: "" }
}

function redirectTo(link: LinkRecord, url: string, rule: number | null, variant = ""): Decision {
  return { kind: "redirect", outcome: "redirect", url, reserve: link.maxClicks !== null, rule, variant }
}

function expiry(link: LinkRecord, outcome: "expired" | "exhausted"): Decision {
  if (link.expiredUrl === null) return { ...PLAIN, outcome, page: "gone" }
  const url = link.expiredUrl
  return { kind: "redirect", outcome: "fallback", url, reserve: false, rule: null, variant: "" }
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
