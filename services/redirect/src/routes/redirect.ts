import type { ServerResponse } from "node:http"
import { codeKey, parseCode } from "@qiao/core/code.ts"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import { hostOf } from "@qiao/core/host.ts"
import { domainName, linkName } from "@qiao/core/keys.ts"
import type { Answers, Asker } from "../answers.ts"
import { type Ask, askOf, hostHeaderOf, isRoot, isSystemPath } from "../ask.ts"
import type { Bans } from "../bans.ts"
import type { ClickRecorder } from "../clicks.ts"
import { clientNetwork, isRead } from "../client.ts"
import type { Incoming } from "../incoming.ts"
import { endWith, isTooLate } from "../last-answer.ts"
import type { Limit } from "../limits.ts"
import type { Answer, RecordReader } from "../links.ts"
import { memoise } from "../memoise.ts"
import type { PreparedLink } from "../prepare.ts"
import type { Readers } from "../readers.ts"
import type { Synthetic } from "../synthetic.ts"
import { createPreview } from "./preview.ts"
import { createReport, type ReportDeps } from "./report.ts"
import { createSiteFiles } from "./site-files.ts"
import { createVisitLink, type VisitDeps } from "./visit-link.ts"

export type RedirectDeps = Readers &
  VisitDeps &
  ReportDeps & {
    answers: Answers
    bans: Bans
    clicks: Pick<ClickRecorder, "add" | "addOrphan">
    synthetic: Pick<Synthetic, "isSynthetic">
    /** Of unknown codes and hosts, by client network. */
    unknownCodes: Limit
    now: () => number
  }

type OnLink = (ask: Ask, link: PreparedLink, code: string) => void

/** A code, and which of its pages: nothing for a preview. */
const PAGE_OF_CODE = /^(.+?)(?:\+|%2b)(report)?$/i

/**
 * The answer to every path: `/{code}`, `/{code}/…`, `/{code}+`, `/{code}+report`, the files of a domain, and `/`. Each step hands on to
 * the next, at once on cached records; a step that has to ask Redis goes on when it was answered.
 */
export function createServe(deps: RedirectDeps): (req: Incoming, res: ServerResponse) => void {
  const { answers, bans, links, domains, ruleSets, clicks, synthetic, unknownCodes, now } = deps
  const domainNameOf = memoise((header: string) => {
    const host = hostOf(header)
    return host === null ? "" : domainName(host)
  })
  const serveFile = createSiteFiles(deps)
  const visitLink = createVisitLink(deps)
  const preview = createPreview(deps)
  const report = createReport(deps)

  function serve(req: Incoming, res: ServerResponse) {
    if (isTooLate(res)) return
    // What is not read of a body ends the connection.
    if (!isRead(req)) endWith(res)
    const to = { req, res, domain: null }
    try {
      const name = domainNameOf(hostHeaderOf(req.raw))
      if (name === "") return answers.absent(to, "misdirected")
      if (!bans.isKnown) return answers.unavailable(to)
      lookUp(domains, name, to, onDomain)
    } catch (err) {
      answers.fail(to, err)
    }
  }

  function onDomain(to: Asker, domain: Answer<DomainRecord>) {
    const { req, res } = to
    if (domain.kind === "unavailable") return answers.unavailable(to)
    if (domain.kind === "missing" || domain.value === null) return unknown(to, "misdirected")
    const ask = askOf(req, res, domain.value, now())
    const isBanned = bans.bansDomain(ask.domain)
    const code = parseCode(ask.segment)
    if (code === null && serveFile(ask, isBanned)) return
    if (isBanned) return answers.fixed(ask, "banned")
    if (code !== null) return findLink(ask, code, decideUpon, onOrphan)
    if (isRoot(ask)) return onRoot(ask)
    onNoCode(ask)
  }

  function onRoot(ask: Ask) {
    const { rootUrl } = ask.domain
    if (rootUrl === null || !isRead(ask.req)) return answers.absent(ask, "not_found")
    answers.elsewhere(ask, "root", rootUrl)
  }

  function onNoCode(ask: Ask) {
    const [, segment = "", isReport] = PAGE_OF_CODE.exec(ask.segment) ?? []
    const code = ask.path === "" ? parseCode(segment) : null
    if (code === null) return isSystemPath(ask) ? unknown(ask, "not_found") : onOrphan(ask)
    const next = isReport === undefined ? preview : report
    const onMissing = () => unknown(ask, "not_found")
    findLink({ ...ask, segment, query: "", guideToken: "" }, code, next, onMissing)
  }

  function findLink(ask: Ask, code: string, next: OnLink, onMissing: (ask: Ask) => void) {
    const { host, caseSensitive } = ask.domain
    const key = codeKey(code, caseSensitive)
    lookUp(links, linkName(host, key), ask, (_, link) => {
      if (link.kind === "unavailable") return answers.unavailable(ask)
      if (link.kind === "missing") return onMissing(ask)
      if (link.value === null) return answers.absent(ask, "gone")
      next(ask, link.value, key)
    })
  }

  function decideUpon(ask: Ask, link: PreparedLink) {
    if (link.ruleSetName === null) return visitLink(ask, link, null)
    lookUp(ruleSets, link.ruleSetName, ask, (_, ruleSet) => {
      visitLink(ask, link, ruleSet.kind === "found" ? ruleSet.value : null)
    })
  }

  /** A path that somebody printed, typed or passed on, although no link has it: its owner gets to know of it. */
  function onOrphan(ask: Ask) {
    if (isLimited(ask)) return
    if (!isRead(ask.req)) return answers.refuseMethod(ask)
    const { domain, segment, path, nowMs } = ask
    if (!synthetic.isSynthetic(ask.req.raw.headers, nowMs))
      clicks.addOrphan(domain.host, `/${segment}${path}`)
    if (domain.notFoundUrl === null) return answers.fixed(ask, "not_found")
    answers.elsewhere(ask, "not_found_url", domain.notFoundUrl)
  }

  function unknown(to: Asker, name: "not_found" | "misdirected") {
    if (!isLimited(to)) answers.absent(to, name)
  }

  /** Whether a network asked for too much that is not there, which it is told. */
  function isLimited(to: Asker): boolean {
    const waitSeconds = unknownCodes.take(clientNetwork(to.req))
    if (waitSeconds === 0) return false
    answers.fixed(to, "limited", ["Retry-After", String(waitSeconds)])
    return true
  }

  function lookUp<T extends object, To extends Asker>(
    reader: RecordReader<T>,
    name: string,
    to: To,
    next: (to: To, answer: Answer<T>) => void,
  ) {
    const known = reader.peek(name)
    if (known !== undefined) return next(to, known)
    reader.read(name, (answer) => {
      try {
        next(to, answer)
      } catch (err) {
        answers.fail(to, err)
      }
    })
  }

  return serve
}
