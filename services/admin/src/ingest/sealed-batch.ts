import { type BatchHeader, type OrphanVisits, type RecordedVisit, unpackBatch } from "@qiao/core/click.ts"

/**
 * A batch whose visits are unpacked anew each time that they are asked for: while it waits it takes no more memory than its bytes, and
 * what is made of it and forgotten at once costs less than what the collector of garbage has to carry along.
 */
export type SealedBatch = BatchHeader & {
  orphans: OrphanVisits[]
  /** Of its visits, each once. */
  linkIds: string[]
  /** How many visits it has. */
  size: number
  /** Both 0 where there are no visits. */
  firstAtMs: number
  lastAtMs: number
  visits(): RecordedVisit[]
}

/** Throws on bytes that are not a sealed batch, as `unpackBatch` does. */
export function openBatch(sealed: string): SealedBatch {
  const { visits, ...rest } = unpackBatch(sealed)
  const linkIds = new Set<string>()
  let [firstAtMs, lastAtMs] = visits.length === 0 ? [0, 0] : [Number.POSITIVE_INFINITY, 0]
  for (const { linkId, atMs } of visits) {
    linkIds.add(linkId)
    firstAtMs = Math.min(firstAtMs, atMs)
    lastAtMs = Math.max(lastAtMs, atMs)
  }
  return {
    ...{ ...rest, linkIds: [...linkIds], size: visits.length, firstAtMs, lastAtMs },
    visits: () => unpackBatch(sealed).visits,
  }
}
