import { z } from "zod"
import { hostOf } from "./host.ts"
import { normaliseTarget } from "./target.ts"

/** Control characters, and those that turn the direction of text, by which it shows as what it is not. */
const UNFIT = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u

/** A schema of what Postgres, HTTP and people can hold: up to `max` characters, no control characters or lone surrogates. */
export const plain = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed() && !UNFIT.test(value), {
      error: "must not contain control characters or lone surrogates",
      params: { code: "bad_character" },
    })

/** And of what people can read: at least one character, and not only blanks. */
export const text = (max: number) =>
  plain(max)
    .min(1)
    .refine((value) => value === "" || value.trim() !== "", {
      error: "must not be blank",
      params: { code: "blank" },
    })

/** RFC 3339 with any offset, in the years 1970 to 9999; becomes a Date. */
export const time = z.iso
  .datetime({ offset: true, error: "must be a time such as 2026-01-31T08:00:00+08:00" })
  .transform((value) => new Date(value))
  .refine((date) => date.getTime() >= 0 && date.getUTCFullYear() <= 9_999, {
    error: "must be in the years 1970 to 9999",
    params: { code: "out_of_range" },
  })

/** An http or https URL; becomes its ASCII href. */
export const targetUrl = z
  .string()
  .transform((value, ctx) => {
    const target = normaliseTarget(value)
    if (target.ok) return target.url
    ctx.addIssue({ code: "custom", message: target.detail, params: { code: target.code } })
    return z.NEVER
  })
  .meta({ format: "uri" })

/**
 * An IANA time zone as area and location, such as Asia/Shanghai, or UTC. Abbreviations mean one thing to Node and another to Postgres
 * (IST), and offsets know no daylight saving.
 */
export const timeZone = z.string().superRefine((value, ctx) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value })
    if (value !== "UTC" && !/^[A-Z][A-Za-z_]+\//.test(value)) throw new RangeError("not an area and location")
  } catch {
    const message = "must be an IANA time zone such as Asia/Shanghai"
    ctx.addIssue({ code: "custom", message, params: { code: "unknown_time_zone" } })
  }
})

/** A host name as visitors' browsers send it: lower case, IDNA, without port or trailing dot. */
export const host = z
  .string()
  .max(253)
  .superRefine((value, ctx) => {
    if (hostOf(value) !== value) {
      const message = "must be a host name in lower case (punycode), without port or trailing dot"
      ctx.addIssue({ code: "custom", message, params: { code: "bad_host" } })
    }
  })
