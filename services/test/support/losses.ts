import { type Loss, lostVisits, storedVisits } from "./click-checker.ts"
import type { Driver } from "./driver.ts"
import type { Testbed } from "./testbed.ts"

/** Of each kill, in words: how many answered visits it cost, and how long before it the oldest of them was answered. */
export async function lossesTold(
  { db }: Testbed,
  { visits }: Driver,
  losses: readonly Loss[],
): Promise<string[]> {
  const lost = lostVisits(visits, await storedVisits(db))
  return losses.map(({ edge, killedAtMs, windowMs }) => {
    const ages = lost.flatMap((visit) => {
      const ageMs = killedAtMs - (visit.answer?.atMs ?? 0)
      return visit.edge === edge && ageMs >= 0 && ageMs <= windowMs ? [ageMs] : []
    })
    return `a kill cost ${ages.length} visits, the oldest answered ${Math.max(0, ...ages)} ms before (window ${windowMs} ms)`
  })
}
