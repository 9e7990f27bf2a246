import { bareHost, namesAbove } from "@qiao/core/host.ts"
import { isShared } from "./shared-hosts.ts"

/*
 * What a blocklist's entry blocks. A host blocks itself and its subdomains, and so does a url, whatever its path: who holds a host can
 * move the page. Where many publish on one host, a url blocks only itself (with any query when it has none) and a host nothing.
 */

export type Listing =
  | { kind: "listed"; key: string }
  /** Would block everything below a top-level domain or a host that many share. */
  | { kind: "too_broad" }
  | { kind: "unreadable" }

/** Already what the URL parser would make of it: a name in lower case, its last part no number. */
const PLAIN_NAME = /^(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*$/
const HOST = /^(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])$/

/** What to look up for an entry of a feed, a url or a host. */
export function listingOf(entry: string): Listing {
  if (PLAIN_NAME.test(entry) && !isShared(entry)) return { kind: "listed", key: entry }
  const url = URL.parse(entry.includes("://") ? entry : `http://${entry}`)
  if (url === null) return { kind: "unreadable" }
  const host = bareHost(url)
  if (!HOST.test(host)) return { kind: "unreadable" }
  if (isShared(host)) {
    const isWhole = url.pathname === "/" && url.search === ""
    return isWhole ? { kind: "too_broad" } : { kind: "listed", key: pageOf(url) }
  }
  return /[.:]/.test(host) ? { kind: "listed", key: host } : { kind: "too_broad" }
}

/** The keys under which a url may be listed. */
export function keysOf(url: URL): string[] {
  const host = bareHost(url)
  return isShared(host) ? [pageOf(url), host + url.pathname] : namesAbove(host)
}

/** Holds a slash, as no host does. */
const pageOf = (url: URL) => bareHost(url) + url.pathname + url.search
