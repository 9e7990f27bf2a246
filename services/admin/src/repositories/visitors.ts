import type pg from "pg"
import { add, type Tally, valuesOf } from "../tally.ts"
import { createVisitorKeys, type DayVisitors, type LinkVisitor, type VisitorList } from "../visitors.ts"
import { addVisitorKeys } from "./visitor-keys.ts"

const ONE = { visits: 1, automated: 0, clicks: 0 }

/**
 * Adds to `days` the people that a link, and its workspace, had not seen on that day. Exact, whatever else ingests at the same time, for
 * whoever holds the counting.
 */
export async function countVisitors(client: pg.ClientBase, list: VisitorList, days: Tally): Promise<void> {
  for (const [day, visitors] of list.byDay()) {
    const toLinks = await remember(client, day, visitors)
    for (const { linkId } of toLinks) add(valuesOf(days, linkId, "visitors", day), "", ONE)
    // Who is not new to a link is not new to its workspace.
    const keyOf = createVisitorKeys()
    const ofWorkspaces = new Map(
      toLinks.map((visitor) => [keyOf(visitor.workspaceId, visitor.hash), visitor]),
    )
    const toWorkspaces = await remember(client, day, ofWorkspaces)
    for (const { workspaceId } of toWorkspaces) add(valuesOf(days, workspaceId, "visitors", day), "", ONE)
  }
}

/** Those who are new. */
async function remember(client: pg.ClientBase, day: string, visitors: DayVisitors): Promise<LinkVisitor[]> {
  const found: LinkVisitor[] = []
  for (const key of await addVisitorKeys(client, day, visitors.keys())) {
    const visitor = visitors.get(key)
    if (visitor !== undefined) found.push(visitor)
  }
  return found
}
