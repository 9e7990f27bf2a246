import type { Ask } from "./ask.ts"
import type { Incoming } from "./incoming.ts"
import { sendText } from "./respond.ts"
import type { Fault } from "./unlock.ts"

/** Whether a page is of use to this client: a browser asks for one, curl takes anything. */
export function takesHtml(req: Incoming): boolean {
  return /text\/html/i.test(req.raw.headers.accept ?? "")
}

const TEXTS = {
  busy: { status: 503, text: "too many passwords to check just now\n" },
  limited: { status: 429, text: "too many wrong passwords\n" },
} as const

/** What the page of a password says, in the words of HTTP (RFC 7617). */
export function sendChallenge(ask: Ask, fault: Fault, extraHeaders: string[]): void {
  const headers = ["Cache-Control", "private, no-store", ...extraHeaders]
  if (fault === "busy" || fault === "limited") {
    const { status, text } = TEXTS[fault]
    sendText(ask.res, status, text, headers)
  } else {
    const challenge = `Basic realm="${ask.domain.host}/${ask.segment}", charset="UTF-8"`
    sendText(ask.res, 401, "this link needs a password\n", [...headers, "WWW-Authenticate", challenge])
  }
}
