import type pg from "pg"
import { eraseClicks, eraseCounts, hideLink, settle } from "../repositories/upkeep/erasing.ts"
import { finishErasure, nextErasure } from "../repositories/upkeep/erasures.ts"
import { buryWorkspace, removeLinks, removeWorkspace } from "../repositories/upkeep/workspace-removal.ts"

/**
 * Erases what was asked for first, in steps of which each may be the last: then all are done again. False when there is nothing to do.
 * What ingests had under way when it was asked for is waited for, and what they do since keeps nothing of it.
 */
export async function eraseNext(client: pg.ClientBase, now: () => number): Promise<boolean> {
  const erasure = await nextErasure(client)
  if (erasure === null) return false
  const { kind, subjectId, workspaceId } = erasure
  await settle(client)
  switch (kind) {
    case "link":
      await eraseClicks(client, [subjectId])
      await hideLink(client, workspaceId, subjectId)
      break
    case "tag":
      await eraseCounts(client, [subjectId])
      break
    case "workspace":
      await buryWorkspace(client, workspaceId)
      // Visits of its hosts' unknown codes that are on their way.
      await settle(client)
      await removeLinks(client, workspaceId, now())
      await removeWorkspace(client, workspaceId)
      break
  }
  await finishErasure(client, erasure, now())
  return true
}
