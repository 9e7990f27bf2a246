import { type Decision, decide, ruleLabel, whenBanned, whenExhausted } from "@qiao/core/decide.ts"
import { locationOf, refusalOf } from "@qiao/core/location.ts"
import type { LinkPassword, LinkRecord } from "@qiao/core/record.ts"
import type { RuleSetRecord } from "@qiao/core/rule-set-record.ts"
import type { Answers } from "../answers.ts"
import { type Ask, shortUrlOf } from "../ask.ts"
import type { Bans } from "../bans.ts"
import type { Caps, Reservation } from "../caps.ts"
import { sendChallenge, takesHtml } from "../challenge.ts"
import type { ClickRecorder } from "../clicks.ts"
import { isPost, isRead } from "../client.ts"
import type { Results } from "../metrics.ts"
import type { Page } from "../pages/layout.ts"
import { effectiveOf, type PreparedLink, redirectHeaders } from "../prepare.ts"
import { sendPage, sendRedirect } from "../respond.ts"
import type { Fault, Unlock } from "../unlock.ts"
import type { See, Seen } from "../visit.ts"

/**
 * One visit of a link on its way to its answer; `link` is what is decided upon, without the rules that it shares where
 * `lacksRules`; `fault` is what the page of a password says, and `extraHeaders` come with whatever the answer is.
 */
type Trip = {
  ask: Ask
  prepared: PreparedLink
  link: LinkRecord
  lacksRules: boolean
  seen: Seen
  fault: Fault
  extraHeaders: string[]
}

type Redirect = Extract<Decision, { kind: "redirect" }>
type Shown = Exclude<Decision, { kind: "redirect" }>

const NO_HEADERS: string[] = []

export type VisitDeps = {
  answers: Answers
  bans: Pick<Bans, "bansAnswer" | "bansTarget">
  caps: Caps
  clicks: Pick<ClickRecorder, "add">
  unlock: Unlock
  see: See
  newGuideToken: () => string
  results: Results
}

/** What a link answers to a visit, which is recorded. On a link without a password or `maxClicks` nothing waits or makes a promise. */
export function createVisitLink(deps: VisitDeps) {
  const { answers, bans, caps, clicks, unlock, see, newGuideToken, results } = deps

  function visitLink(ask: Ask, prepared: PreparedLink, ruleSet: RuleSetRecord | null) {
    const link = effectiveOf(prepared, ask.domain, ruleSet)
    const refusal = refusalOf(link, ask)
    if (refusal !== null) return answers.absent(ask, refusal)
    if (!isRead(ask.req)) {
      if (link.password === null) return answers.refuseMethod(ask)
      if (!isPost(ask.req)) return answers.refuseMethod(ask, "GET, HEAD, POST")
    }
    const lacksRules = prepared.ruleSetName !== null && ruleSet === null
    const seen = see(ask)
    const trip = { ask, prepared, link, lacksRules, seen, fault: null, extraHeaders: NO_HEADERS }
    const decision = decide(link, trip.seen.visit)
    if (decision.outcome === "password" && link.password !== null) {
      return askPassword(trip, decision, link.password)
    }
    settle(trip, decision)
  }

  function askPassword(trip: Trip, locked: Shown, password: LinkPassword) {
    const { ask, link, seen } = trip
    unlock(ask, link.id, password)
      .then((unlocking) => {
        if (unlocking.kind === "unread") return answers.unread(ask, unlocking.fault)
        if (unlocking.kind === "unlocked") {
          const visit = { ...seen.visit, isUnlocked: true }
          const { extraHeaders } = unlocking
          return settle({ ...trip, seen: { ...seen, visit }, extraHeaders }, decide(link, visit))
        }
        const { fault, extraHeaders } = unlocking
        if (takesHtml(ask.req)) return show({ ...trip, fault, extraHeaders }, locked)
        record(trip, locked, ask.guideToken)
        sendChallenge(ask, fault, extraHeaders)
      })
      .catch((err: unknown) => answers.fail(ask, err))
  }

  /** Before one of `maxClicks` is used up, a redirect that cannot be made, or may not, must be known for one. */
  function settle(trip: Trip, decision: Decision) {
    const { ask, link } = trip
    if (trip.lacksRules && isAfterRules(decision)) return answers.unavailable(ask)
    const location = decision.kind === "redirect" ? locationOf(link, decision, ask) : null
    if (bans.bansAnswer(link, decision, location)) return settle(trip, whenBanned(decision))
    if (decision.kind !== "redirect") return show(trip, decision)
    if (location === null) return answers.fixed(ask, "not_found")
    if (!decision.reserve || link.maxClicks === null) return redirect(trip, decision, location)
    const isPerson = !trip.seen.isAutomated && !trip.seen.isSynthetic
    const reservation = (isPerson ? caps.reserve : caps.look)(link, link.maxClicks)
    const onReservation = (answer: Reservation) => {
      if (answer === "unavailable") return answers.unavailable(ask)
      if (answer === "granted") redirect(trip, decision, location)
      else settle(trip, whenExhausted(link))
    }
    reservation.then(onReservation).catch((err: unknown) => answers.fail(ask, err))
  }

  function redirect(trip: Trip, decision: Redirect, location: string) {
    const { ask, prepared, link, extraHeaders } = trip
    record(trip, decision, ask.guideToken)
    const headers = location === link.url ? prepared.redirectHeaders : redirectHeaders(location)
    // 307 and 308 would post the password to where the link leads.
    const status = isPost(ask.req) ? 303 : decision.outcome === "redirect" ? link.redirectStatus : 302
    sendRedirect(ask.res, status, extraHeaders.length === 0 ? headers : [...headers, ...extraHeaders])
  }

  function show(trip: Trip, decision: Shown) {
    const { ask, extraHeaders } = trip
    const token = decision.outcome === "guide" ? ask.guideToken || newGuideToken() : ask.guideToken
    record(trip, decision, token)
    sendPage(ask.res, pageOf(trip, decision, token), extraHeaders)
  }

  function record({ prepared, link, seen }: Trip, decision: Decision, guideToken: string) {
    const { visit, visitor, isAutomated, isSynthetic } = seen
    results[decision.outcome]++
    clicks.add({
      link: prepared,
      atMs: visit.nowMs,
      outcome: decision.outcome,
      automated: isAutomated,
      synthetic: isSynthetic,
      visitor,
      language: visit.language,
      referrer: visit.referrer,
      ip: visit.ip,
      rule: ruleLabel(link, decision),
      variant: decision.variant,
      guideToken,
    })
  }

  function pageOf({ ask, link, seen, fault }: Trip, decision: Shown, token: string): Page {
    const pages = answers.pagesFor(ask)
    const language = answers.languageFor(ask)
    const { platform, os } = seen.visitor
    switch (decision.kind) {
      case "app":
        return pages.app({ language, platform, os, target: decision.target })
      case "mini_program": {
        const { wechatSignatureUrl: url } = ask.domain
        const signatureUrl = url === null || bans.bansTarget(url) ? null : url
        return pages.miniProgram({ language, target: decision.target, signatureUrl })
      }
      case "page":
        if (decision.page === "password") return pages.password({ language, fault })
        if (decision.page !== "guide") return pages.fixed(decision.page, language)
        return pages.guide({
          ...{ language, platform, os, token },
          targetHost: new URL(link.url).host,
          shortUrl: shortUrlOf(ask),
        })
    }
  }

  return visitLink
}

/** Whether rules that are tried after the link's own might have decided otherwise: what is not known of them is never guessed. */
function isAfterRules({ rule, outcome }: Decision): boolean {
  return rule === null && (outcome === "redirect" || outcome === "guide")
}
