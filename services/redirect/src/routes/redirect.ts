import { isPrefetch } from "@qiao/core/automated.ts"
import { codeKey, parseCode } from "@qiao/core/code.ts"
import type { Visit } from "@qiao/core/condition.ts"
import { type Decision, decide, type Outcome, whenExhausted } from "@qiao/core/decide.ts"
import { hostOf, referrerHost } from "@qiao/core/host.ts"
import { domainKey, linkKey } from "@qiao/core/keys.ts"
import { languageOf } from "@qiao/core/language.ts"
import { locationOf, refusalOf } from "@qiao/core/location.ts"
import type { DomainRecord } from "@qiao/core/record.ts"
import type { Visitor } from "@qiao/core/visitor.ts"
import type { FastifyReply, FastifyRequest } from "fastify"
import { type Ask, askOf, hostHeaderOf, isRoot, isSystemPath } from "../ask.ts"
import type { Caps, Reservation } from "../caps.ts"
import type { ClickRecorder } from "../clicks.ts"
import type { Answer, RecordReader } from "../links.ts"
import type { Results } from "../metrics.ts"
import type { Pages } from "../pages/pages.ts"
import { type FixedPage, pageLanguage } from "../pages/texts.ts"
import { type PreparedLink, redirectHeaders } from "../prepare.ts"
import { sendPage, sendRedirect, sendText } from "../respond.ts"
import { clientAddress, memoise, schemeOf } from "../visit.ts"

export type RedirectDeps = {
  links: RecordReader<PreparedLink>
  domains: RecordReader<DomainRecord>
  caps: Caps
  clicks: Pick<ClickRecorder, "add">
  pages: Pages
  visitorOf: (userAgent: string) => Visitor
  /** Counts an unknown code or host against the client's network: seconds until it may try again, 0 when it may now. */
  limitUnknown: (req: FastifyRequest) => Promise<number>
  results: Results
  now: () => number
  onError: (err: unknown) => void
}

/** What is known of a visit, worked out once for the decision and the record of it. */
type Seen = { visit: Visit; visitor: Visitor; isAutomated: boolean }

/** Seconds. Redis is back, or the load gone, within about this. */
const RETRY_AFTER = ["Retry-After", "1"]

/**
 * The answer to every path but the system's own: `/{code}`, `/{code}/…`, and `/`. Each step hands on to the next; on cached records none
 * waits or makes a promise, and only a step that has to ask Redis goes through `then`.
 */
export function createServe(deps: RedirectDeps): (req: FastifyRequest, reply: FastifyReply) => void {
  const { links, domains, caps, clicks, pages, visitorOf, results, now } = deps
  const domainKeyOf = memoise((header: string) => {
    const host = hostOf(header)
    return host === null ? "" : domainKey(host)
  })
  const language = memoise(languageOf)
  const referrer = memoise(referrerHost)

  function serve(req: FastifyRequest, reply: FastifyReply) {
    const ask = askOf(req, reply.raw, now())
    const key = domainKeyOf(hostHeaderOf(req.raw))
    if (key === "") return fixed(ask, "misdirected")
    lookUp(domains, key, ask, onDomain)
  }

  function onDomain(ask: Ask, domain: Answer<DomainRecord>) {
    if (domain.kind === "unavailable") return unavailable(ask)
    if (domain.kind === "missing" || domain.value === null) return unknown(ask, "misdirected", null)
    const { host, caseSensitive, rootUrl, notFoundUrl } = domain.value
    if (isRoot(ask)) {
      return rootUrl === null ? fixed(ask, "not_found") : elsewhere(ask, "root", rootUrl)
    }
    const code = parseCode(ask.segment)
    if (code === null) return unknown(ask, "not_found", isSystemPath(ask) ? null : notFoundUrl)
    lookUp(links, linkKey(host, codeKey(code, caseSensitive)), ask, (_, link) => {
      if (link.kind === "unavailable") return unavailable(ask)
      if (link.kind === "missing") return unknown(ask, "not_found", notFoundUrl)
      if (link.value === null) return fixed(ask, "gone")
      onLink(ask, link.value)
    })
  }

  function onLink(ask: Ask, link: PreparedLink) {
    const { record } = link
    const refusal = refusalOf(record, extraOf(ask))
    if (refusal !== null) return fixed(ask, refusal)
    const { headers } = ask.req.raw
    const visitor = visitorOf(headers["user-agent"] ?? "")
    const isAutomated = visitor.automated || ask.req.raw.method === "HEAD" || isPrefetch(headers)
    const visit = visitOf(ask, visitor)
    const decision = decide(record, visit)
    const finish = (final: Decision) => conclude(ask, link, final, { visit, visitor, isAutomated })
    if (decision.kind === "page" || !decision.reserve || record.maxClicks === null) return finish(decision)
    // Before one is used up: a redirect that cannot be made must not cost one.
    if (locationOf(link.record, decision, extraOf(ask)) === null) return fixed(ask, "not_found")
    const reservation = (isAutomated ? caps.look : caps.reserve)(record.id, record.maxClicks)
    const onReservation = (answer: Reservation) => {
      if (answer === "unavailable") return unavailable(ask)
      finish(answer === "granted" ? decision : whenExhausted(record))
    }
    reservation.then(onReservation).catch((err: unknown) => fail(ask, err))
  }

  function conclude(ask: Ask, link: PreparedLink, decision: Decision, seen: Seen) {
    if (decision.kind === "redirect") {
      const location = locationOf(link.record, decision, extraOf(ask))
      if (location === null) return fixed(ask, "not_found")
      record(link.record.id, decision.outcome, seen)
      const isOwn = location === link.record.url
      const status = decision.outcome === "redirect" ? link.record.redirectStatus : 302
      return sendRedirect(ask.res, status, isOwn ? link.redirectHeaders : redirectHeaders(location))
    }
    record(link.record.id, decision.outcome, seen)
    sendPage(ask.res, decision.page === "guide" ? guide(ask, link, seen.visitor) : page(ask, decision.page))
  }

  function visitOf(ask: Ask, { platform, os, device, browser }: Visitor): Visit {
    const { headers } = ask.req.raw
    return {
      nowMs: ask.nowMs,
      platform,
      os,
      device,
      browser,
      ip: clientAddress(ask.req),
      language: language(headers["accept-language"] ?? ""),
      referrer: headers.referer === undefined ? "" : referrer(headers.referer),
      query: ask.query,
    }
  }

  function record(linkId: string, outcome: Outcome, { visit, visitor, isAutomated }: Seen) {
    const { nowMs, language, referrer, ip } = visit
    results[outcome]++
    clicks.add({ linkId, atMs: nowMs, outcome, automated: isAutomated, visitor, language, referrer, ip })
  }

  function unknown(ask: Ask, name: "not_found" | "misdirected", instead: string | null) {
    const onLimit = (retryAfterSeconds: number) => {
      if (retryAfterSeconds > 0) return fixed(ask, "limited", ["Retry-After", String(retryAfterSeconds)])
      if (instead !== null) return elsewhere(ask, "not_found_url", instead)
      fixed(ask, name)
    }
    deps
      .limitUnknown(ask.req)
      .then(onLimit)
      .catch((err: unknown) => fail(ask, err))
  }

  function elsewhere(ask: Ask, result: "root" | "not_found_url", url: string) {
    results[result]++
    sendRedirect(ask.res, 302, redirectHeaders(url))
  }

  function unavailable(ask: Ask) {
    fixed(ask, "unavailable", RETRY_AFTER)
  }

  function fixed(ask: Ask, name: FixedPage, extraHeaders?: string[]) {
    results[name]++
    sendPage(ask.res, page(ask, name), extraHeaders)
  }

  function page(ask: Ask, name: FixedPage) {
    return pages.fixed(name, pageLanguage(language(ask.req.raw.headers["accept-language"] ?? "")))
  }

  function guide(ask: Ask, link: PreparedLink, { platform, os }: Visitor) {
    const { req } = ask
    return pages.guide({
      language: pageLanguage(language(req.raw.headers["accept-language"] ?? "")),
      platform,
      os,
      targetHost: new URL(link.record.url).host,
      shortUrl: new URL(req.raw.url ?? "/", `${schemeOf(req)}://${req.raw.headers.host}`).href,
    })
  }

  function fail(ask: Ask, err: unknown) {
    deps.onError(err)
    if (ask.res.headersSent) return void ask.res.destroy()
    fixed(ask, "failed")
  }

  function lookUp<T extends object>(
    reader: RecordReader<T>,
    key: string,
    ask: Ask,
    next: (ask: Ask, answer: Answer<T>) => void,
  ) {
    const known = reader.peek(key)
    if (known !== undefined) return next(ask, known)
    reader
      .read(key)
      .then((answer) => next(ask, answer))
      .catch((err: unknown) => fail(ask, err))
  }

  return serve
}

const extraOf = ({ rest, query }: Ask) => ({ path: rest, query })

/** Anything but GET and HEAD. The body is not read, so the connection ends with the answer. */
export function refuseMethod(results: Results): (req: FastifyRequest, reply: FastifyReply) => void {
  return (_req, reply) => {
    results.method_not_allowed++
    reply.raw.shouldKeepAlive = false
    sendText(reply.raw, 405, "method not allowed\n", ["Allow", "GET, HEAD"])
  }
}
