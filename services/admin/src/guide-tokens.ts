import type { Outcome } from "@qiao/core/decide.ts"
import { isGuideToken } from "@qiao/core/guide-token.ts"
import type { VisitRow } from "./repositories/visits.ts"

/** When a link's guide page gave a token out, and when it came back; null where these visits do not tell. */
export type GuideTokenTimes = {
  linkId: string
  token: string
  shownAtMs: number | null
  returnedAtMs: number | null
}

/** Where a visitor who was asked to open the link elsewhere got to what it promises. */
const RETURNS: ReadonlySet<Outcome> = new Set(["redirect", "fallback", "app", "mini_program"])

/** The earliest times of every token that people were shown or brought back, in key order. */
export function guideTokensOf(rows: VisitRow[]): GuideTokenTimes[] {
  const tokens = new Map<string, GuideTokenTimes>()
  for (const { visit, atMs } of rows) {
    const { linkId, guideToken: token, outcome, automated } = visit
    const isShown = outcome === "guide"
    if (automated || !isGuideToken(token) || !(isShown || RETURNS.has(outcome))) continue
    const key = `${linkId} ${token}`
    const times = tokens.get(key) ?? { linkId, token, shownAtMs: null, returnedAtMs: null }
    if (isShown) times.shownAtMs = earliest(times.shownAtMs, atMs)
    else times.returnedAtMs = earliest(times.returnedAtMs, atMs)
    tokens.set(key, times)
  }
  return [...tokens].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, times]) => times)
}

function earliest(known: number | null, atMs: number): number {
  return known === null ? atMs : Math.min(known, atMs)
}
