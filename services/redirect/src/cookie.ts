import { createHmac, timingSafeEqual } from "node:crypto"

const NAME = "qiao_pw"

/** What a cookie opens: a link while it has this password. A later link with the same code has another id. */
export type Lock = { linkId: string; version: number }

/** Cookies that say "the password was given", good on every edge that has the same secret. */
export type Cookies = {
  /** A Set-Cookie header; `path` as the browser asked for it, so that it comes back with the same. */
  issue(lock: Lock, options: { path: string; isSecure: boolean; nowMs: number }): string
  /** Whether a Cookie header has one for this lock. */
  opens(lock: Lock, header: string | undefined, nowMs: number): boolean
}

/** The value is `<expiry>.<signature>`, the expiry in epoch seconds. */
export function createCookies(secret: string, lifeSeconds: number): Cookies {
  // JSON keeps the parts apart; the name keeps other signatures with this secret apart.
  const signatureOf = ({ linkId, version }: Lock, expiry: string) =>
    createHmac("sha256", secret)
      .update(JSON.stringify([NAME, linkId, version, expiry]))
      .digest()
  return {
    issue(lock, { path, isSecure, nowMs }) {
      const expiry = String(Math.floor(nowMs / 1_000) + lifeSeconds)
      const value = `${expiry}.${signatureOf(lock, expiry).toString("base64url")}`
      const attributes = `Path=${path}; Max-Age=${lifeSeconds}; HttpOnly; SameSite=Lax${isSecure ? "; Secure" : ""}`
      return `${NAME}=${value}; ${attributes}`
    },
    opens(lock, header, nowMs) {
      const [, expiry, signature] = VALUE.exec(header ?? "") ?? []
      if (expiry === undefined || signature === undefined || Number(expiry) * 1_000 <= nowMs) return false
      return timingSafeEqual(Buffer.from(signature, "base64url"), signatureOf(lock, expiry))
    },
  }
}

/** The first of that name, which is the one with the longest path; 43 characters are 32 bytes. */
const VALUE = new RegExp(`(?:^|; ?)${NAME}=(\\d{1,12})\\.([\\w-]{43})(?:;|$)`)
