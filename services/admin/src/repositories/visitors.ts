import type pg from "pg"
import { add, type Tally, valuesOf } from "../tally.ts"
import { isPerson, type VisitRow } from "../visit-rows.ts"
import { hash64 } from "../visitor-hash.ts"
import { addVisitorKeys } from "./visitor-keys.ts"

type Visitor = { linkId: string; workspaceId: string; hash: bigint }

const ONE = { visits: 1, automated: 0, clicks: 0 }

/**
 * Adds to `days` the people that a link, and its workspace, had not seen on that day. Exact, whatever else ingests at the same time: who
 * is new is for Postgres to say.
 */
export async function countVisitors(client: pg.ClientBase, rows: VisitRow[], days: Tally): Promise<void> {
  for (const [day, visitors] of visitorsByDay(rows)) {
    const toLinks = await addNew(client, day, visitors, ({ linkId }) => linkId, days)
    // Who is not new to a link is not new to its workspace.
    await addNew(client, day, toLinks, ({ workspaceId }) => workspaceId, days)
  }
}

async function addNew(
  client: pg.ClientBase,
  day: string,
  visitors: Visitor[],
  scopeOf: (visitor: Visitor) => string,
  days: Tally,
): Promise<Visitor[]> {
  const scopeHash = new Map<string, bigint>()
  const byKey = new Map<bigint, Visitor>()
  for (const visitor of visitors) {
    const scopeId = scopeOf(visitor)
    let hash = scopeHash.get(scopeId)
    if (hash === undefined) {
      hash = hash64(scopeId)
      scopeHash.set(scopeId, hash)
    }
    // Of two random numbers the exclusive or is as random.
    byKey.set(hash ^ visitor.hash, visitor)
  }
  const added = await addVisitorKeys(client, day, byKey.keys())
  const found = added.flatMap((key) => byKey.get(key) ?? [])
  for (const visitor of found) add(valuesOf(days, scopeOf(visitor), "visitors", day), "", ONE)
  return found
}

/** In the order of days. */
function visitorsByDay(rows: VisitRow[]): [day: string, Visitor[]][] {
  const days = new Map<string, Visitor[]>()
  for (const { visit, visitor, quarter } of rows) {
    if (visitor === null || quarter.link === undefined || !isPerson(visit)) continue
    const seen = { linkId: quarter.linkId, workspaceId: quarter.link.workspaceId, hash: visitor }
    const ofDay = days.get(quarter.day)
    if (ofDay === undefined) days.set(quarter.day, [seen])
    else ofDay.push(seen)
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1))
}
