export const TARGET_LENGTH_MAX = 4096

export type TargetFault =
  | "url_invalid"
  | "url_scheme"
  | "url_credentials"
  | "url_bad_character"
  | "url_too_long"

export type Target = { ok: true; url: string } | { ok: false; code: TargetFault; detail: string }

// The URL parser drops tabs and newlines and turns `\` into `/`: what it would repair is refused here.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are what this looks for
const REPAIRED_BY_PARSER = /[\u0000-\u0020\u007f-\u009f\\]/

/** Names that DNS can have: 253 characters, no empty label (RFC 1035, section 2.3.4). */
function isHostName(hostname: string): boolean {
  return hostname.length <= 253 && !/^\.|\.\./.test(hostname)
}

/**
 * A redirect target as an ASCII WHATWG href: http or https with a host, no credentials, no control bytes, blanks or backslashes.
 * Host names come out in punycode, other non-ASCII percent-encoded.
 */
export function normaliseTarget(input: string): Target {
  const refuse = (code: TargetFault, detail: string): Target => ({ ok: false, code, detail })
  if (REPAIRED_BY_PARSER.test(input) || !input.isWellFormed()) {
    return refuse(
      "url_bad_character",
      "must not contain blanks, control bytes, backslashes or lone surrogates",
    )
  }
  if (!/^https?:\/\/[^/]/i.test(input)) {
    return refuse("url_scheme", "must begin with http:// or https:// and a host")
  }
  const url = URL.parse(input)
  if (url === null || !isHostName(url.hostname)) return refuse("url_invalid", "is not a valid URL")
  if (url.username !== "" || url.password !== "") {
    return refuse("url_credentials", "must not contain a user name or password")
  }
  if (url.href.length > TARGET_LENGTH_MAX) {
    return refuse("url_too_long", `must be at most ${TARGET_LENGTH_MAX} characters once encoded`)
  }
  return { ok: true, url: url.href }
}
