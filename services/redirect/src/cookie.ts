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
      const tried = [...(header ?? "").matchAll(VALUES)].slice(0, TRIED_MAX)
      for (const [, expiry = "", signature = ""] of tried) {
        if (Number(expiry) * 1_000 <= nowMs) continue
        if (timingSafeEqual(Buffer.from(signature, "base64url"), signatureOf(lock, expiry))) return true
      }
      return false
    },
  }
}

/** Several of that name come where other paths or neighbouring hosts set some. */
const TRIED_MAX = 4

/** 43 characters are 32 bytes. */
const VALUES = new RegExp(`(?:^|; ?)${NAME}=(\\d{1,12})\\.([\\w-]{43})(?=;|$)`, "g")
