import type { ServerResponse } from "node:http"
import type { Brand } from "@qiao/core/brand.ts"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import type { Bans } from "./bans.ts"
import { clientLanguage, isRead } from "./client.ts"
import type { FormFault } from "./form.ts"
import type { Incoming } from "./incoming.ts"
import type { Results } from "./metrics.ts"
import type { Pages } from "./pages/pages.ts"
import { type FixedPage, type Language, pageLanguage } from "./pages/texts.ts"
import { redirectHeaders } from "./prepare.ts"
import { sendPage, sendRedirect, sendText } from "./respond.ts"

/** Whom to answer; `domain` is null while it is not known. */
export type Asker = { req: Incoming; res: ServerResponse; domain: DomainRecord | null }

export type Answers = ReturnType<typeof createAnswers>

/** Seconds. Redis is back, or the load gone, within about this. */
const RETRY_AFTER = ["Retry-After", "1"]

const FORM_FAULTS: Record<FormFault, string> = {
  400: "the form ended early\n",
  413: "the form is too big\n",
  415: "the form must be application/x-www-form-urlencoded\n",
}

/** The answers that are no visit, each counted as what it is. */
export function createAnswers(deps: {
  pagesOf: (brand: Brand | null) => Pages
  bans: Pick<Bans, "bansTarget">
  results: Results
  onError: (err: unknown) => void
}) {
  const { pagesOf, bans, results, onError } = deps

  const languageFor = ({ req }: Asker): Language => pageLanguage(clientLanguage(req))
  const pagesFor = ({ domain }: Asker): Pages => pagesOf(domain === null ? null : domain.brand)

  function fixed(to: Asker, name: FixedPage, extraHeaders?: string[]) {
    results[name]++
    sendPage(to.res, pagesFor(to).fixed(name, languageFor(to)), extraHeaders)
  }

  /** For what is not there: nothing to post to either. */
  function absent(to: Asker, name: "misdirected" | "not_found" | "gone" | "too_long") {
    if (isRead(to.req)) fixed(to, name)
    else refuseMethod(to)
  }

  function refuseMethod({ res }: Asker, allowed: "GET, HEAD" | "GET, HEAD, POST" = "GET, HEAD") {
    results.method_not_allowed++
    sendText(res, 405, "method not allowed\n", ["Allow", allowed])
  }

  return {
    languageFor,
    pagesFor,
    fixed,
    absent,
    refuseMethod,

    /** A form that could not be read. */
    unread({ res }: Asker, status: FormFault) {
      results.unreadable_form++
      sendText(res, status, FORM_FAULTS[status])
    },

    unavailable(to: Asker) {
      fixed(to, "unavailable", RETRY_AFTER)
    },

    /** One of the domain's own urls. */
    elsewhere(to: Asker, result: "root" | "not_found_url", url: string) {
      if (bans.bansTarget(url)) return fixed(to, "banned")
      results[result]++
      sendRedirect(to.res, 302, redirectHeaders(url))
    },

    fail(to: Asker, err: unknown) {
      onError(err)
      if (to.res.headersSent) return void to.res.destroy()
      fixed(to, "failed")
    },
  }
}
