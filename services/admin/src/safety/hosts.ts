import { hostOf, namesAbove } from "@qiao/core/host.ts"

/** Hosts that are in a list (true) or taken out of it (false). */
export type HostList = Map<string, boolean>

/** The entry that puts the host into the list, null when it is not in it. The entry nearest to the host decides. */
export function entryFor(list: HostList, host: string): string | null {
  for (const name of namesAbove(host)) {
    const isIn = list.get(name)
    if (isIn !== undefined) return isIn ? name : null
  }
  return null
}

/**
 * Reads a host a line: `host` puts it and its subdomains into the list, `!host` takes them out of it, what follows a `#` is a comment.
 * `unreadable` has the numbers of the lines that are neither.
 */
export function parseHostList(text: string): { list: HostList; unreadable: number[] } {
  const list: HostList = new Map()
  const unreadable: number[] = []
  for (const [i, line] of text.split("\n").entries()) {
    const entry = line.replace(/#.*/, "").trim()
    if (entry === "") continue
    const isIn = !entry.startsWith("!")
    const host = hostOf(isIn ? entry : entry.slice(1))
    if (host?.includes(".")) list.set(host, isIn)
    else unreadable.push(i + 1)
  }
  return { list, unreadable }
}
