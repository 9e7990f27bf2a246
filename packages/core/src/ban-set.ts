import type { Decision } from "./decide.ts"
import type { DomainRecord } from "./domain-record.ts"
import { bareHost, namesAbove } from "./host.ts"
import type { LinkRecord } from "./record.ts"
import { decodeVersioned, encodeVersioned, type RecordVersion, type Versioned } from "./versioned.ts"

/**
 * What the operator banned, but for single links: target hosts (with their subdomains), domains by their main host, workspaces by
 * their id. One small record for the whole instance, which every edge holds.
 */
export type BanSet = {
  hosts: ReadonlySet<string>
  domains: ReadonlySet<string>
  workspaces: ReadonlySet<string>
}

export const NO_BANS: BanSet = { hosts: new Set(), domains: new Set(), workspaces: new Set() }

type BanSetWire = { h: string[]; d: string[]; w: string[] }

export function encodeBanSet(version: RecordVersion, bans: BanSet): string {
  const wire: BanSetWire = { h: [...bans.hosts], d: [...bans.domains], w: [...bans.workspaces] }
  return encodeVersioned(version, JSON.stringify(wire))
}

/** Throws on a value that no version of this code wrote. */
export function decodeBanSet(value: string): Versioned<BanSet> {
  return decodeVersioned(value, (body) => {
    const { h, d, w } = JSON.parse(body) as BanSetWire
    return { hosts: new Set(h), domains: new Set(d), workspaces: new Set(w) }
  })
}

export function isDomainBanned(bans: BanSet, { host, workspaceId }: DomainRecord): boolean {
  return bans.domains.has(host) || bans.workspaces.has(workspaceId)
}

/** Whether an http(s) address leads to a banned host, a subdomain of one, or a banned domain. */
export function isTargetBanned(bans: BanSet, url: string): boolean {
  if (bans.hosts.size === 0 && bans.domains.size === 0) return false
  const parsed = URL.parse(url)
  if (parsed === null) return false
  const host = bareHost(parsed)
  return bans.domains.has(host) || namesAbove(host).some((name) => bans.hosts.has(name))
}

/** Whether an answer would lead to something banned, whatever produced it. */
export function isAnswerBanned(
  bans: BanSet,
  link: LinkRecord,
  decision: Decision,
  location: string | null,
): boolean {
  return addressesOf(link, decision, location).some((url) => isTargetBanned(bans, url))
}

/** Every address to which an answer leads; `location` is where a redirect goes. */
export function addressesOf(link: LinkRecord, decision: Decision, location: string | null): string[] {
  switch (decision.kind) {
    case "redirect":
      return location === null ? [] : [location]
    case "app": {
      const { open, store, web } = decision.target
      return store === null ? [open, web] : [open, store, web]
    }
    case "mini_program":
      return [decision.target.web]
    case "page":
      return decision.page === "guide" ? [link.url] : []
  }
}
