/** What a visitor's address adds to the target: raw path after the code (with its leading `/`, or "") and raw query (without `?`). */
export type Extra = { path: string; query: string }

/** More is not forwarded: it would not fit into the header sizes that servers accept. */
export const EXTRA_LENGTH_MAX = 4_096

/**
 * The target with the visitor's path and query added, or null when the result would be something else than a longer form of the
 * target. The target's own parameters win; same-named ones of the visitor are dropped.
 */
export function forward(target: string, extra: Extra): string | null {
  if (extra.path === "" && extra.query === "") return target
  if (extra.path.length + extra.query.length > EXTRA_LENGTH_MAX) return null
  // A target that decodes these sees path segments that are checked nowhere.
  if (/%2f|%5c|\\/i.test(extra.path)) return null
  const url = new URL(target)
  const base = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`
  if (extra.path !== "") url.pathname = base + extra.path.slice(1)
  const added = queryToAdd(url, extra.query)
  if (added !== "") url.search = url.search === "" ? added : `${url.search}&${added}`
  return isLongerForm(target, url.href, extra.path === "" ? null : base) ? url.href : null
}

function queryToAdd(target: URL, query: string): string {
  const own = new Set(target.searchParams.keys())
  if (query === "" || own.size === 0) return query
  const kept = query.split("&").filter((pair) => pair !== "" && !own.has(nameOf(pair)))
  return kept.join("&")
}

function nameOf(pair: string): string {
  const equals = pair.indexOf("=")
  const name = equals === -1 ? pair : pair.slice(0, equals)
  if (!/[%+]/.test(name)) return name
  const [decoded = ""] = new URLSearchParams(name).keys()
  return decoded
}

/** Parsed anew, so that nothing that a later parser would read differently gets through (`..`, `//`, `\`). */
function isLongerForm(target: string, result: string, pathPrefix: string | null): boolean {
  const before = new URL(target)
  const after = URL.parse(result)
  if (after === null || after.origin !== before.origin || after.username !== "" || after.password !== "")
    return false
  return pathPrefix === null ? after.pathname === before.pathname : after.pathname.startsWith(pathPrefix)
}
