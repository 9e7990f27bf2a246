import type { AppTarget, MiniProgramTarget } from "@qiao/core/app.ts"
import { isPrefetch } from "@qiao/core/automated.ts"
import { addressesOf, type BanSet, isAnswerBanned, isDomainBanned } from "@qiao/core/ban-set.ts"
import type { Visit } from "@qiao/core/condition.ts"
import { type Decision, ruleLabel, whenBanned, whenExhausted } from "@qiao/core/decide.ts"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import { effectiveLink } from "@qiao/core/effective-link.ts"
import { type ExplainedRule, explain, type Step } from "@qiao/core/explain.ts"
import { takeGuideToken } from "@qiao/core/guide-token.ts"
import { referrerHost } from "@qiao/core/host.ts"
import { languageOf } from "@qiao/core/language.ts"
import { locationOf, refusalOf } from "@qiao/core/location.ts"
import { plainAddress } from "@qiao/core/network.ts"
import type { PlaceOf } from "@qiao/core/place.ts"
import type { LinkRecord } from "@qiao/core/record.ts"
import type { RuleSetRecord } from "@qiao/core/rule-set-record.ts"
import type { Visitor } from "@qiao/core/visitor.ts"

/** A visit in words: `query` and `path` raw, header names in any case. */
export type DescribedVisit = {
  userAgent: string
  headers: Record<string, string>
  ip: string
  at: Date
  query: string
  path: string
  unlocked: boolean
}

/** What has a part in the decision, besides the link. */
export type Surroundings = {
  domain: DomainRecord
  ruleSet: RuleSetRecord | null
  bans: BanSet
  visitorOf: (userAgent: string) => Visitor
  placeOf: PlaceOf
  /** How many of the link's `maxClicks` are used up, null if nobody knows; asked only where that decides. */
  usedClicks: () => Promise<number | null>
}

export type DryRunRule = ExplainedRule & { of: "link" | "rule_set" }
export type DryRunStep = Omit<Step, "rules"> & { rules?: DryRunRule[] }

/** `outcome` is null where nothing is recorded, `ruleName` what statistics call the rule. */
export type Conclusion = {
  kind: Decision["kind"]
  outcome: string | null
  page: string | null
  rule: number | null
  ruleName: string | null
  variant: string
  location: string | null
  target: AppTarget | MiniProgramTarget | null
  reserve: boolean
}

/** What the edge would do with a visit of the link, and every step on the way there. */
export async function dryRun(own: LinkRecord, around: Surroundings, described: DescribedVisit) {
  const { domain, ruleSet, bans } = around
  const link = effectiveLink(own, domain, ruleSet)
  const headers = lowerCased(described.headers)
  const { path } = described
  const { query } = takeGuideToken(described.query)
  const visit = visitOf({ ...described, headers, query }, around)
  const steps: DryRunStep[] = []
  const { automated } = around.visitorOf(described.userAgent)
  const visitor = { ...visitorIn(visit), automated: automated || isPrefetch(headers) }
  const end = (decision: Conclusion) => ({ decision, visitor, steps })

  const isOwnerBanned = isDomainBanned(bans, domain)
  const owner = { domain: domain.host, workspace: domain.workspaceId }
  steps.push({ step: "domainBans", applies: isOwnerBanned, compared: owner })
  if (isOwnerBanned) return end(unrecorded("banned"))

  const refusal = refusalOf(link, { path, query })
  const allowed = { forwardPath: link.forwardPath, forwardQuery: link.forwardQuery }
  steps.push({ step: "address", applies: refusal !== null, compared: { path, query, ...allowed } })
  if (refusal !== null) return end(unrecorded(refusal))

  const { decision, steps: decided } = explain(link, visit)
  steps.push(...decided.map((step) => withOrigins(step, own.rules.length)))
  return end(await settle(decision))

  /** As the edge does it: one of `maxClicks` is asked for only where the redirect can be made, and may be. */
  async function settle(decision: Decision): Promise<Conclusion> {
    let location: string | null = null
    if (decision.kind === "redirect") {
      const { url } = decision
      location = locationOf(link, decision, { path, query })
      steps.push({ step: "forward", applies: location === null, compared: { url, path, query } })
      if (location === null) return unrecorded("not_found")
    }
    const isBanned = isAnswerBanned(bans, link, decision, location)
    const hosts = hostsOf(link, decision, location)
    steps.push({ step: "targetBans", applies: isBanned, compared: { hosts } })
    if (isBanned) return concluded(link, whenBanned(decision), null)
    const { maxClicks, capWhenUnavailable } = link
    if (decision.kind === "redirect" && decision.reserve && maxClicks !== null) {
      const used = await around.usedClicks()
      const isClosed = used === null && capWhenUnavailable === "closed"
      const isExhausted = used !== null && used >= maxClicks
      const compared = { maxClicks, used, capWhenUnavailable }
      steps.push({ step: "maxClicks", applies: isClosed || isExhausted, compared })
      if (isClosed) return unrecorded("unavailable")
      if (isExhausted) return settle(whenExhausted(link))
    }
    return concluded(link, decision, location)
  }
}

function visitOf(described: DescribedVisit, { visitorOf, placeOf }: Surroundings): Visit {
  const { userAgent, headers, at, query, unlocked } = described
  const { platform, os, device, browser } = visitorOf(userAgent)
  return {
    nowMs: at.getTime(),
    platform,
    os,
    device,
    browser,
    language: languageOf(headers["accept-language"]),
    referrer: referrerHost(headers.referer ?? ""),
    query,
    ip: plainAddress(described.ip),
    placeOf,
    isUnlocked: unlocked,
  }
}

function visitorIn({ platform, os, device, browser, language, referrer, ip, placeOf }: Visit) {
  return { platform, os, device, browser, language, referrer, ...placeOf(ip) }
}

const NOTHING = { rule: null, ruleName: null, variant: "", location: null, target: null, reserve: false }

function unrecorded(page: string): Conclusion {
  return { ...NOTHING, kind: "page", outcome: null, page }
}

function concluded(link: LinkRecord, decision: Decision, location: string | null): Conclusion {
  const { kind, outcome, rule, variant } = decision
  const common = {
    ...NOTHING,
    kind,
    outcome,
    page: null,
    rule,
    ruleName: ruleLabel(link, decision) || null,
    variant,
  }
  switch (decision.kind) {
    case "page":
      return { ...common, page: decision.page }
    case "redirect":
      return { ...common, location, reserve: decision.reserve }
    case "app":
    case "mini_program":
      return { ...common, target: decision.target }
  }
}

/** The hosts that the answer leads to. */
function hostsOf(link: LinkRecord, decision: Decision, location: string | null): string[] {
  const hosts = addressesOf(link, decision, location).map((url) => URL.parse(url)?.hostname ?? "")
  return [...new Set(hosts.filter((host) => host !== ""))]
}

/** Says of each rule whose it is: those of a rule set come after the link's own. */
function withOrigins({ rules, ...step }: Step, ownRules: number): DryRunStep {
  if (rules === undefined) return step
  return {
    ...step,
    rules: rules.map((rule) => ({ ...rule, of: rule.number < ownRules ? "link" : "rule_set" })),
  }
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
