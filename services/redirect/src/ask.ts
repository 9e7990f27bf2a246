import type { IncomingMessage, ServerResponse } from "node:http"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import { takeGuideToken } from "@qiao/core/guide-token.ts"
import type { FastifyRequest } from "fastify"
import { schemeOf } from "./client.ts"

/**
 * One request on its way to its answer. `segment` is the first path segment as it came, `rest` the raw path after it ("" or with its
 * leading slash), `query` the raw query without its question mark and without the guide token.
 */
export type Ask = {
  req: FastifyRequest
  res: ServerResponse
  domain: DomainRecord
  nowMs: number
  segment: string
  rest: string
  query: string
  guideToken: string
}

const NO_QUERY = { query: "", token: "" }

/** A request target that is no path (`*`, say) becomes one that no code can have. */
export function askOf(req: FastifyRequest, res: ServerResponse, domain: DomainRecord, nowMs: number): Ask {
  const target = req.raw.url ?? ""
  const url = target.startsWith("/") ? target : (absoluteForm(target)?.path ?? target)
  const mark = url.indexOf("?")
  const path = mark === -1 ? url : url.slice(0, mark)
  const { query, token } = mark === -1 ? NO_QUERY : takeGuideToken(url.slice(mark + 1))
  let segment = "."
  let rest = ""
  if (path.startsWith("/")) {
    const slash = path.indexOf("/", 1)
    segment = slash === -1 ? path.slice(1) : path.slice(1, slash)
    rest = slash === -1 ? "" : path.slice(slash)
  }
  return { req, res, domain, nowMs, segment, rest, query, guideToken: token }
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

export function isRoot({ segment, rest }: Ask): boolean {
  return segment === "" && rest === ""
}

/** Paths with `.` or `+` belong to the system: codes cannot have them, and a person does not come upon an unknown one. */
export function isSystemPath({ segment }: Ask): boolean {
  return segment.includes(".") || segment.includes("+")
}

/** The address as a person may pass it on: without the guide token. */
export function shortUrlOf({ req, segment, rest, query }: Ask): string {
  const origin = `${schemeOf(req)}://${hostHeaderOf(req.raw)}`
  return new URL(`/${segment}${rest}${query === "" ? "" : `?${query}`}`, origin).href
}
