import type { Platform } from "./platform.ts"
import type { LinkRecord } from "./record.ts"

/** One request for a link. */
export type Visit = { nowMs: number; platform: Platform }

export type Page = "not_started" | "gone" | "banned" | "denied" | "guide"

/**
 * What the edge does. `outcome` is what statistics call it. `reserve` says that the redirect uses up one of the link's `maxClicks`
 * and becomes `whenExhausted(link)` when none is left.
 */
export type Decision =
  | { kind: "redirect"; outcome: "redirect" | "fallback"; url: string; reserve: boolean }
  | { kind: "page"; outcome: Outcome; page: Page }

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

/** The first line that applies wins. */
export function decide(link: LinkRecord, visit: Visit): Decision {
  if (link.banned) return BANNED
  if (link.startsAt !== null && visit.nowMs < link.startsAt) return NOT_STARTED
  if (!link.enabled) return DISABLED
  if (link.expiresAt !== null && visit.nowMs >= link.expiresAt) return expiry(link, "expired")
  if (link.allowPlatforms !== null && !link.allowPlatforms.has(visit.platform)) return DENIED
  if (link.guidePlatforms.has(visit.platform)) return GUIDE
  return { kind: "redirect", outcome: "redirect", url: link.url, reserve: link.maxClicks !== null }
}

/** The decision for a link whose `maxClicks` are used up. */
export function whenExhausted(link: LinkRecord): Decision {
  return expiry(link, "exhausted")
}

const BANNED: Decision = { kind: "page", outcome: "banned", page: "banned" }
const NOT_STARTED: Decision = { kind: "page", outcome: "not_started", page: "not_started" }
const DISABLED: Decision = { kind: "page", outcome: "disabled", page: "gone" }
const DENIED: Decision = { kind: "page", outcome: "denied", page: "denied" }
const GUIDE: Decision = { kind: "page", outcome: "guide", page: "guide" }

function expiry(link: LinkRecord, outcome: "expired" | "exhausted"): Decision {
  if (link.expiredUrl === null) return { kind: "page", outcome, page: "gone" }
  return { kind: "redirect", outcome: "fallback", url: link.expiredUrl, reserve: false }
}
