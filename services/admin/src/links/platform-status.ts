import { PLATFORMS, type Platform } from "@qiao/core/platform.ts"
import type { PlatformStatus, PlatformStatuses } from "../db/schema.ts"

/** What is newly known of some platforms; null is "nothing any more". */
export type PlatformStatusPatch = Partial<
  Record<Platform, (Omit<PlatformStatus, "since"> & { since?: Date | undefined }) | null>
>

/** What is known then. Platforms left out stay; where nobody says since when, a status is as old as it was, or, when it changes, new. */
export function mergePlatformStatuses(
  before: PlatformStatuses,
  patch: PlatformStatusPatch,
  now: Date,
): PlatformStatuses {
  const after = { ...before }
  for (const platform of PLATFORMS) {
    const change = patch[platform]
    if (change === undefined) continue
    delete after[platform]
    if (change === null) continue
    const { status, note, since } = change
    const known = before[platform]?.status === status ? before[platform].since : now.toISOString()
    after[platform] = { status, note, since: since?.toISOString() ?? known }
  }
  return after
}
