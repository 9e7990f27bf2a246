import type { Answers } from "../answers.ts"
import { type Ask, shortUrlOf } from "../ask.ts"
import { clientKey, clientLanguage, clientNetwork, isPost, isRead } from "../client.ts"
import { readForm } from "../form.ts"
import type { Results } from "../metrics.ts"
import { REPORT_DETAILS_MAX, REPORT_REASONS, type ReportRequest } from "../pages/report.ts"
import type { PreparedLink } from "../prepare.ts"
import type { Reports } from "../reports.ts"
import { sendPage } from "../respond.ts"

/** The longest details, each character as three bytes in percent-encoding, and room for the rest. */
const FORM_SIZE_MAX_BYTES = REPORT_DETAILS_MAX * 9 + 500

export type ReportDeps = { answers: Answers; reports: Reports; newReportId: () => string; results: Results }

/** `/{code}+report`: a form by which visitors say what is wrong with a link, whatever state it is in. */
export function createReport(deps: ReportDeps): (ask: Ask, prepared: PreparedLink, code: string) => void {
  const { answers, reports, newReportId, results } = deps

  function report(ask: Ask, prepared: PreparedLink, code: string) {
    if (isRead(ask.req)) return show(ask, "form")
    if (!isPost(ask.req)) return answers.refuseMethod(ask, "GET, HEAD, POST")
    take(ask, prepared.record.id, code).catch((err: unknown) => answers.fail(ask, err))
  }

  async function take(ask: Ask, linkId: string, code: string) {
    const form = await readForm(ask.req.raw, FORM_SIZE_MAX_BYTES)
    if (!form.ok) return answers.unread(ask, form.fault)
    const said = saidIn(form.fields)
    if (said === null) return show(ask, "incomplete")
    const about = { id: newReportId(), at: ask.nowMs, host: ask.domain.host, code, linkId }
    const by = { language: clientLanguage(ask.req), network: clientNetwork(ask.req) }
    const taken = await reports.take({ ...about, ...said, ...by }, clientKey(ask.req))
    if (taken.kind === "stored") return show(ask, "thanks")
    const state = taken.kind === "limited" ? "limited" : "unavailable"
    show(ask, state, ["Retry-After", String(taken.retryAfterSeconds)])
  }

  function show(ask: Ask, state: ReportRequest["state"], extraHeaders?: string[]) {
    results.report++
    const page = answers.pagesFor(ask).report({
      language: answers.languageFor(ask),
      action: `/${ask.segment}+report`,
      shortUrl: shortUrlOf(ask),
      state,
    })
    sendPage(ask.res, page, extraHeaders)
  }

  return report
}

/** Line ends as one character, as the page counts them; other control characters say nothing and do not fit into Postgres. */
function saidIn(fields: URLSearchParams): { reason: string; details: string } | null {
  const reason = REPORT_REASONS.find((known) => known === fields.get("reason"))
  const details = (fields.get("details") ?? "").replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n\t]/gu, "")
  return reason === undefined || details.length > REPORT_DETAILS_MAX ? null : { reason, details }
}
