import { type Decision, decide, type Outcome, whenExhausted } from "@qiao/core/decide.ts"
import type { LinkRecord } from "@qiao/core/record.ts"
import type { Answers } from "../answers.ts"
import { type Ask, shortUrlOf } from "../ask.ts"
import type { Bans } from "../bans.ts"
import type { Caps } from "../caps.ts"
import { isRead } from "../client.ts"
import type { Results } from "../metrics.ts"
import { effectiveOf, type PreparedLink } from "../prepare.ts"
import { sendPage } from "../respond.ts"
import type { See } from "../visit.ts"

/** What a link answers to everyone, whoever they are. */
const OVER: ReadonlySet<Outcome> = new Set(["banned", "not_started", "disabled", "expired", "fallback"])

/**
 * `/{code}+`: where the link leads, without going there; no visit. What the link answers to everyone (not started, gone, banned) is
 * answered here too. What its rules make of single visitors is not shown, nor where a link with a password leads.
 */
export function createPreview(deps: {
  answers: Answers
  bans: Pick<Bans, "bansTarget">
  caps: Pick<Caps, "look">
  see: See
  results: Results
}): (ask: Ask, prepared: PreparedLink) => void {
  const { answers, bans, caps, see, results } = deps

  function preview(ask: Ask, prepared: PreparedLink) {
    if (!isRead(ask.req)) return answers.refuseMethod(ask)
    const link = effectiveOf(prepared, ask.domain, null)
    const decision = decide(link, see(ask).visit)
    // That none is left of a link with a password is told to those alone who give it.
    if (link.maxClicks === null || link.password !== null || OVER.has(decision.outcome)) {
      return show(ask, link, decision)
    }
    caps
      .look(link, link.maxClicks)
      .then((left) => {
        if (left === "unavailable") answers.unavailable(ask)
        else show(ask, link, left === "granted" ? decision : whenExhausted(link))
      })
      .catch((err: unknown) => answers.fail(ask, err))
  }

  function show(ask: Ask, link: LinkRecord, decision: Decision) {
    if (decision.kind === "page") {
      const { page } = decision
      if (page === "banned" || page === "not_started" || page === "gone") return answers.fixed(ask, page)
    }
    const isOver = decision.kind === "redirect" && decision.outcome === "fallback"
    const url = isOver ? decision.url : link.url
    if (bans.bansTarget(url)) return answers.fixed(ask, "banned")
    results.preview++
    const page = answers.pagesFor(ask).preview({
      language: answers.languageFor(ask),
      shortUrl: shortUrlOf(ask),
      url: link.password === null || isOver ? url : null,
      reportUrl: `/${ask.segment}+report`,
    })
    sendPage(ask.res, page)
  }

  return preview
}
