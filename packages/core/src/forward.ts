import { TARGET_LENGTH_MAX } from "./target.ts"

/** What a visitor's address adds to the target: raw path after the code (with its leading `/`, or "") and raw query (without `?`). */
export type Extra = { path: string; query: string }

/**
 * The target with the visitor's path and query added, or null when the result would be something else than a longer form of the
 * target. The target's own parameters win; same-named ones of the visitor are dropped.
 */
export function forward(target: string, extra: Extra): string | null {
  if (extra.path === "" && extra.query === "") return target
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
  if (query === "") return ""
  const kept = query.split("&").filter((pair) => {
    const [name] = new URLSearchParams(pair).keys()
    return name !== undefined && !target.searchParams.has(name)
  })
  return kept.join("&")
}

/** Parsed anew, so that nothing that a later parser would read differently gets through (`..`, `//`, `\`). */
function isLongerForm(target: string, result: string, pathPrefix: string | null): boolean {
  if (result.length > TARGET_LENGTH_MAX * 2) return false
  const before = new URL(target)
  const after = URL.parse(result)
  if (after === null || after.origin !== before.origin || after.username !== "" || after.password !== "")
    return false
  return pathPrefix === null ? after.pathname === before.pathname : after.pathname.startsWith(pathPrefix)
}
