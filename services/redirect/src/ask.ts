import type { IncomingMessage, ServerResponse } from "node:http"
import type { FastifyRequest } from "fastify"

/**
 * One request on its way to its answer. `segment` is the first path segment as it came, `rest` the raw path after it ("" or with its
 * leading slash), `query` the raw query without its question mark.
 */
export type Ask = {
  req: FastifyRequest
  res: ServerResponse
  nowMs: number
  segment: string
  rest: string
  query: string
}

/** A request target that is no path (`*`, say) becomes one that no code can have. */
export function askOf(req: FastifyRequest, res: ServerResponse, nowMs: number): Ask {
  const target = req.raw.url ?? ""
  const url = target.startsWith("/") ? target : (absoluteForm(target)?.path ?? target)
  const mark = url.indexOf("?")
  const path = mark === -1 ? url : url.slice(0, mark)
  const query = mark === -1 ? "" : url.slice(mark + 1)
  if (!path.startsWith("/")) return { req, res, nowMs, segment: ".", rest: "", query }
  const slash = path.indexOf("/", 1)
  const segment = slash === -1 ? path.slice(1) : path.slice(1, slash)
  return { req, res, nowMs, segment, rest: slash === -1 ? "" : path.slice(slash), query }
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
