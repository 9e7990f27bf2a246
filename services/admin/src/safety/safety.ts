import { basename } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { bareHost, namesAbove } from "@qiao/core/host.ts"
import type { Logger } from "pino"
import { openBlocklist } from "./blocklist.ts"
import { entryFor } from "./hosts.ts"
import { isPrivate } from "./private-address.ts"
import { openShorteners } from "./shorteners.ts"

export type UrlFault = {
  code: "own_domain" | "private_address" | "shortener" | "blocklisted"
  detail: string
}

export type Safety = {
  /** Why an ASCII http(s) href must not be a target, null when it may be one. `isOwnHost` tells the hosts this instance serves links on. */
  faultOf(url: string, isOwnHost: (host: string) => boolean): UrlFault | null
  close(): Promise<void>
}

export type SafetyOptions = {
  /** Feeds of hosts and urls to refuse. */
  blocklistFiles: string[]
  /** Hosts that, with their subdomains, are never refused because of a feed. */
  blocklistExcept: string[]
  /** Entries of all feeds together: bounds their memory, 8 bytes each. */
  blocklistEntriesMax: number
  /** Adds to the known link shorteners and takes from them. */
  shortenersFile: string | null
  /** For development: private addresses may be targets. */
  allowPrivate: boolean
  /** How often the files are looked at; a change is in force after two looks. */
  reloadMs: number
  /** Any number of 32 bits. */
  seed: number
  log: Pick<Logger, "info" | "warn">
}

/** Reads all files; throws a ConfigError that names the first that is not usable. */
export async function createSafety(options: SafetyOptions): Promise<Safety> {
  const { log, allowPrivate } = options
  const closing = new AbortController()
  const { signal } = closing
  const shorteners = await openShorteners(options.shortenersFile, { log, signal })
  const blocklist = await openBlocklist({
    files: options.blocklistFiles,
    entriesMax: options.blocklistEntriesMax,
    seed: options.seed,
    log,
    signal,
  })
  const except = new Set(options.blocklistExcept)
  const following = refreshAll([shorteners, blocklist], options.reloadMs, signal)

  return {
    faultOf(href, isOwnHost) {
      const url = new URL(href)
      const host = bareHost(url)
      if (isOwnHost(host)) {
        return {
          code: "own_domain",
          detail: `must not lead back to ${host}, which serves short links itself`,
        }
      }
      if (!allowPrivate && isPrivate(host)) {
        return { code: "private_address", detail: `must not lead to ${host}, a private or reserved address` }
      }
      const shortener = entryFor(shorteners.value(), host)
      if (shortener !== null) {
        return { code: "shortener", detail: `must not lead to ${shortener}, another link shortener` }
      }
      if (namesAbove(host).some((name) => except.has(name))) return null
      const file = blocklist.fileListing(url)
      if (file === null) return null
      return {
        code: "blocklisted",
        detail: `must not lead to ${host}: it is on the blocklist ${basename(file)}`,
      }
    },
    async close() {
      closing.abort()
      await following
    },
  }
}

/** Until the signal aborts. */
async function refreshAll(
  lists: { refresh(): Promise<void> }[],
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await delay(everyMs, undefined, { signal }).catch(() => {})
    for (const list of lists) if (!signal.aborted) await list.refresh()
  }
}
