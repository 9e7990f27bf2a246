import { createHmac, timingSafeEqual } from "node:crypto"

/** The header by which load tests and monitors say what they are, as Node names it. It changes no answer, only how visits are counted. */
export const SYNTHETIC_HEADER = "qiao-synthetic"

/** A value that expires later than this is none, so that one that gets into wrong hands is of use to nobody for long. */
export const SYNTHETIC_HOURS_MAX = 7 * 24
const AHEAD_MAX_MS = SYNTHETIC_HOURS_MAX * 3_600_000

/** `<expiry, epoch seconds>.<signature>`; 43 characters are 32 bytes. */
const VALUE = /^(\d{1,12})\.([\w-]{43})$/

/** The header's value until so many seconds after 1970. */
export function syntheticValue(secret: string, expiresSeconds: number): string {
  const expiry = String(expiresSeconds)
  return `${expiry}.${signatureOf(secret, expiry).toString("base64url")}`
}

/** When a value expires, in epoch milliseconds; 0 for one that was not signed with this secret. */
export function syntheticExpiryMs(secret: string, value: string): number {
  const [, expiry = "", signature = ""] = VALUE.exec(value) ?? []
  if (expiry === "") return 0
  const isSigned = timingSafeEqual(Buffer.from(signature, "base64url"), signatureOf(secret, expiry))
  return isSigned ? Number(expiry) * 1_000 : 0
}

/** Whether a value with this expiry is good at this time. */
export function isInForce(expiryMs: number, nowMs: number): boolean {
  return nowMs < expiryMs && expiryMs <= nowMs + AHEAD_MAX_MS
}

/** The name keeps other signatures with this secret apart. */
function signatureOf(secret: string, expiry: string): Buffer {
  return createHmac("sha256", secret).update(`${SYNTHETIC_HEADER}.${expiry}`).digest()
}
