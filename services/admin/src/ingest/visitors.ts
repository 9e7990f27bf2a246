import { isPerson, type Quarter, type VisitRow } from "./visit-rows.ts"
import { hash64 } from "./visitor-hash.ts"

/** The people of a day, each once for a link that they came to, by the key that stands for both. */
export type DayVisitors = Map<bigint, Quarter>

export type VisitorList = {
  add(row: VisitRow): void
  /** In the order of days. */
  byDay(): [day: string, DayVisitors][]
}

export function createVisitorList(): VisitorList {
  const days = new Map<string, DayVisitors>()
  const keyOf = createVisitorKeys()
  return {
    add({ visit, visitor, quarter }) {
      if (visitor === null || !isPerson(visit)) return
      let visitors = days.get(quarter.day)
      if (visitors === undefined) {
        visitors = new Map()
        days.set(quarter.day, visitors)
      }
      visitors.set(keyOf(quarter.linkId, visitor), quarter)
    },
    byDay: () => [...days].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}

/**
 * A number for a visitor in a scope: of two that are as good as random, the exclusive or is as random. From the number it leads back to
 * the visitor.
 */
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
