import { isPerson, type VisitRow } from "./visit-rows.ts"
import { hash64 } from "./visitor-hash.ts"

/** Somebody who came to a link. */
export type LinkVisitor = { linkId: string; workspaceId: string; hash: bigint }

/** The people of a day, each once for a link, by the key that stands for both. */
export type DayVisitors = Map<bigint, LinkVisitor>

export type VisitorList = {
  add(row: VisitRow): void
  /** In the order of days. */
  byDay(): [day: string, DayVisitors][]
}

export function createVisitorList(): VisitorList {
  const days = new Map<string, DayVisitors>()
  const keyOf = createVisitorKeys()
  return {
    add({ visit, visitor, quarter: { linkId, link, day } }) {
      if (visitor === null || link === undefined || !isPerson(visit)) return
      let visitors = days.get(day)
      if (visitors === undefined) {
        visitors = new Map()
        days.set(day, visitors)
      }
      const key = keyOf(linkId, visitor)
      if (!visitors.has(key)) visitors.set(key, { linkId, workspaceId: link.workspaceId, hash: visitor })
    },
    byDay: () => [...days].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}

/** A number for a visitor in a scope: of two that are as good as random, the exclusive or is as random. */
export function createVisitorKeys(): (scopeId: string, visitor: bigint) => bigint {
  const hashes = new Map<string, bigint>()
  return (scopeId, visitor) => {
    let hash = hashes.get(scopeId)
    if (hash === undefined) {
      hash = hash64(scopeId)
      hashes.set(scopeId, hash)
    }
    return hash ^ visitor
  }
}
