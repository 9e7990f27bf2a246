import type pg from "pg"
import { add, type Tally, valuesOf } from "../../ingest/tally.ts"
import { createVisitorKeys, type DayVisitors, type VisitorList } from "../../ingest/visitors.ts"
import { addVisitorKeys } from "./visitor-keys.ts"

/**
 * Adds to `days` the people that a link, and its workspace, had not seen on that day. Exact, whatever else ingests at the same time, for
 * whoever holds the counting.
 */
export async function countVisitors(client: pg.ClientBase, list: VisitorList, days: Tally): Promise<void> {
  const keyOf = createVisitorKeys()
  for (const [day, toLinks] of list.byDay()) {
    const newcomers = new Map<string, number>()
    // Who is not new to a link is not new to its workspace.
    const toWorkspaces: DayVisitors = new Map()
    for (const key of await addVisitorKeys(client, day, toLinks.keys())) {
      const quarter = toLinks.get(key)
      if (quarter?.link === undefined) continue
      const { linkId, link } = quarter
      countOne(newcomers, linkId)
      const visitor = keyOf(linkId, key)
      toWorkspaces.set(keyOf(link.workspaceId, visitor), quarter)
    }
    for (const key of await addVisitorKeys(client, day, toWorkspaces.keys())) {
      const link = toWorkspaces.get(key)?.link
      if (link !== undefined) countOne(newcomers, link.workspaceId)
    }
    for (const [scopeId, visits] of newcomers)
      add(valuesOf(days, scopeId, "visitors", day), "", { visits, automated: 0, clicks: 0 })
  }
}

function countOne(newcomers: Map<string, number>, scopeId: string): void {
  newcomers.set(scopeId, (newcomers.get(scopeId) ?? 0) + 1)
}
