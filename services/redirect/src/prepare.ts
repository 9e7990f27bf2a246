import type { LinkRecord } from "@qiao/core/record.ts"

/** A link with what its redirect needs ready-made, once a read instead of once a visit. */
export type PreparedLink = { record: LinkRecord; redirectHeaders: RedirectHeaders }

/** Names and values in turn, as `writeHead` takes them. */
export type RedirectHeaders = string[]

export function prepareLink(record: LinkRecord): PreparedLink {
  return { record, redirectHeaders: redirectHeaders(record.url) }
}

/** `url` is an ASCII href: Node refuses to write anything that could split the header. */
export function redirectHeaders(url: string): RedirectHeaders {
  return ["Location", url, "Cache-Control", "private, no-store", "Content-Length", "0"]
}
