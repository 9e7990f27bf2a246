import type { IncomingHttpHeaders } from "node:http"
import { isInForce, SYNTHETIC_HEADER, syntheticExpiryMs } from "@qiao/core/synthetic.ts"
import { memoise } from "./memoise.ts"

export type Synthetic = {
  /** Whether a request proves to be one of a load test or a monitor. */
  isSynthetic(headers: IncomingHttpHeaders, nowMs: number): boolean
  /** Headers that proved it, and those that did not. */
  readonly counters: Readonly<{ valid: number; invalid: number }>
}

/** Without a secret nothing is synthetic. A load test sends one value a million times: its signature is checked once. */
export function createSynthetic(secret: string | undefined): Synthetic {
  const counters = { valid: 0, invalid: 0 }
  const expiryMsOf = memoise((value) => (secret === undefined ? 0 : syntheticExpiryMs(secret, value)))
  return {
    isSynthetic(headers, nowMs) {
      const value = headers[SYNTHETIC_HEADER]
      if (value === undefined) return false
      const isValid = isInForce(expiryMsOf(String(value)), nowMs)
      counters[isValid ? "valid" : "invalid"]++
      return isValid
    },
    counters,
  }
}
