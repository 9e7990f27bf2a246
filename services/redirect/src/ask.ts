import type { IncomingMessage, ServerResponse } from "node:http"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import type { Extra } from "@qiao/core/forward.ts"
import { takeGuideToken } from "@qiao/core/guide-token.ts"
import { schemeOf } from "./client.ts"
import type { Incoming } from "./incoming.ts"

/**
 * One request on its way to its answer. `segment` is the first path segment as it came, `path` the raw path after it ("" or with its
 * leading slash), `query` the raw query without its question mark and without the guide token.
 */
export type Ask = Extra & {
  req: Incoming
  res: ServerResponse
  domain: DomainRecord
  nowMs: number
  segment: string
  guideToken: string
}

const NO_QUERY = { query: "", token: "" }

/** A request target that is no path (`*`, say) becomes one that no code can have. */
export function askOf(req: Incoming, res: ServerResponse, domain: DomainRecord, nowMs: number): Ask {
  const target = req.raw.url ?? ""
  const url = target.startsWith("/") ? target : (absoluteForm(target)?.path ?? target)
  const mark = url.indexOf("?")
  const whole = mark === -1 ? url : url.slice(0, mark)
  const { query, token } = mark === -1 ? NO_QUERY : takeGuideToken(url.slice(mark + 1))
  let segment = "."
  let path = ""
  if (whole.startsWith("/")) {
    const slash = whole.indexOf("/", 1)
    segment = slash === -1 ? whole.slice(1) : whole.slice(1, slash)
    path = slash === -1 ? "" : whole.slice(slash)
  }
  return { req, res, domain, nowMs, segment, path, query, guideToken: token }
}

/** The Host header, or the host of an absolute-form target, which has precedence (RFC 9112, section 3.2.2). */
export function hostHeaderOf({ headers, url = "" }: IncomingMessage): string {
  if (url.startsWith("/")) return headers.host ?? ""
  return absoluteForm(url)?.host ?? headers.host ?? ""
}

function absoluteForm(target: string): { host: string; path: string } | null {
  const [, host, path] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target) ?? []
  if (host === undefined || path === undefined) return null
  return { host, path: path.startsWith("/") ? path : `/${path}` }
}

export function isRoot({ segment, path }: Ask): boolean {
  return segment === "" && path === ""
}

/** Paths with `.` or `+` belong to the system: codes cannot have them, and a person does not come upon an unknown one. */
export function isSystemPath({ segment }: Ask): boolean {
  return segment.includes(".") || segment.includes("+")
}

/** The address as a person may pass it on: without the guide token. */
export function shortUrlOf({ req, segment, path, query }: Ask): string {
  const origin = `${schemeOf(req)}://${hostHeaderOf(req.raw)}`
  return new URL(`/${segment}${path}${query === "" ? "" : `?${query}`}`, origin).href
}
