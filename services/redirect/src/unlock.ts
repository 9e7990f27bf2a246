import type { LinkPassword } from "@qiao/core/record.ts"
import type { Ask } from "./ask.ts"
import { clientKey, clientNetwork, isPost, schemeOf } from "./client.ts"
import type { Cookies } from "./cookie.ts"
import { type FormFault, readForm } from "./form.ts"
import type { PasswordAnswer, Passwords } from "./passwords.ts"

/** Null: no password was given. */
export type Fault = Exclude<PasswordAnswer["kind"], "right"> | null

/** How a visitor stands before a link with a password; `unread` is a form that could not be read. */
export type Unlocking =
  | { kind: "unlocked"; extraHeaders: string[] }
  | { kind: "locked"; fault: Fault; extraHeaders: string[] }
  | { kind: "unread"; fault: FormFault }

export type Unlock = (ask: Ask, linkId: string, password: LinkPassword) => Promise<Unlocking>

/** The longest password, 72 characters of four bytes each in percent-encoding, fits: 873. */
const FORM_SIZE_MAX_BYTES = 1_024

/** A posted form unlocks and gives a cookie; later the cookie does, or HTTP's own Basic scheme with any user name (RFC 7617). */
export function createUnlock(cookies: Cookies, passwords: Passwords): Unlock {
  return async (ask, linkId, { hash, version }) => {
    const { req, nowMs } = ask
    const { cookie, authorization } = req.raw.headers
    const lock = { linkId, version }
    const guesser = { network: clientNetwork(req), key: `${clientKey(req)} ${linkId}` }
    const check = (given: string) => passwords.check(given, hash, guesser)
    if (!isPost(req)) {
      if (cookies.opens(lock, cookie, nowMs)) return { kind: "unlocked", extraHeaders: [] }
      const given = basicPassword(authorization)
      if (given === null) return { kind: "locked", fault: null, extraHeaders: [] }
      return unlockingBy(await check(given), () => [])
    }
    const form = await readForm(req.raw, FORM_SIZE_MAX_BYTES)
    if (!form.ok) return { kind: "unread", fault: form.fault }
    const answer = await check(form.fields.get("password") ?? "")
    const options = { path: `/${ask.segment}`, isSecure: schemeOf(req) === "https", nowMs }
    return unlockingBy(answer, () => ["Set-Cookie", cookies.issue(lock, options)])
  }
}

function unlockingBy(answer: PasswordAnswer, whenRight: () => string[]): Unlocking {
  switch (answer.kind) {
    case "right":
      return { kind: "unlocked", extraHeaders: whenRight() }
    case "wrong":
      return { kind: "locked", fault: "wrong", extraHeaders: [] }
    case "busy":
    case "limited": {
      const extraHeaders = ["Retry-After", String(answer.retryAfterSeconds)]
      return { kind: "locked", fault: answer.kind, extraHeaders }
    }
  }
}

function basicPassword(authorization = ""): string | null {
  const [, credentials] = /^basic +([\w+/=-]+) *$/i.exec(authorization) ?? []
  if (credentials === undefined) return null
  const pair = Buffer.from(credentials, "base64").toString()
  const colon = pair.indexOf(":")
  return colon === -1 ? null : pair.slice(colon + 1)
}
