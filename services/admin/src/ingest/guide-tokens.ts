import type { Outcome } from "@qiao/core/decide.ts"
import { isGuideToken } from "@qiao/core/guide-token.ts"
import type { LinkFacts } from "../repositories/clicks/link-facts.ts"
import { isPerson, type VisitRow } from "./visit-rows.ts"

/** When a link's guide page gave a token out, and when it came back; null where it is not known. */
export type TokenTimes = { shownAtMs: number | null; returnedAtMs: number | null }

export type GuideToken = TokenTimes & { linkId: string; token: string; link: LinkFacts | undefined }

/** Where a visitor who was asked to open the link elsewhere got to what it promises. */
const RETURNS: ReadonlySet<Outcome> = new Set(["redirect", "fallback", "app", "mini_program"])

export type TokenList = {
  add(row: VisitRow): void
  /** The earliest times of every token that people were shown or brought back, in key order. */
  tokens(): GuideToken[]
}

export function createTokenList(): TokenList {
  const tokens = new Map<string, GuideToken>()
  return {
    add({ visit, atMs, quarter: { linkId, link } }) {
      const { guideToken: token, outcome } = visit
      const isShown = outcome === "guide"
      if (token === "" || !isPerson(visit) || !(isShown || RETURNS.has(outcome)) || !isGuideToken(token))
        return
      const key = `${linkId} ${token}`
      const seen = { shownAtMs: isShown ? atMs : null, returnedAtMs: isShown ? null : atMs }
      const known = tokens.get(key)
      tokens.set(key, { linkId, token, link, ...(known === undefined ? seen : earliestOf(known, seen)) })
    },
    tokens: () => [...tokens].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, times]) => times),
  }
}

/** The first times of both. */
export function earliestOf(a: TokenTimes, b: TokenTimes): TokenTimes {
  return {
    shownAtMs: earliest(a.shownAtMs, b.shownAtMs),
    returnedAtMs: earliest(a.returnedAtMs, b.returnedAtMs),
  }
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}
