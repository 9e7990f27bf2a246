import { hostOf } from "@qiao/core/host.ts"

/** The host and every name above it that still has a dot: a.b.example.com, b.example.com, example.com. */
export function withNamesAbove(host: string): string[] {
  const names = [host]
  for (let dot = host.indexOf("."); dot !== host.lastIndexOf("."); dot = host.indexOf(".", dot + 1)) {
    names.push(host.slice(dot + 1))
  }
  return names
}

/** Hosts that are in a list (true) or taken out of it (false). */
export type HostList = Map<string, boolean>

/** The entry that puts the host into the list, null when it is not in it. The entry nearest to the host decides. */
export function entryFor(list: HostList, host: string): string | null {
  for (const name of withNamesAbove(host)) {
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
