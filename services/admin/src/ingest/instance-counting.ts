import type { BatchHeader } from "@qiao/core/click.ts"

/** What a delivery says of an edge instance. */
export type InstanceCounts = {
  instance: string
  accepted: number
  dropped: number
  /** When the first of its batches was sealed, and the last. */
  firstAtMs: number
  lastAtMs: number
  /** Those of the batch with the highest sequence. */
  lastSequence: number
  spilled: number
  isStopped: boolean
  delivered: number
  batches: number
  stored: number
  expired: number
}

/** `fresh` and `expired` are the batches that came for the first time, of all that were delivered. In the order of their names. */
export function countInstances(
  delivered: BatchHeader[],
  fresh: (BatchHeader & { size: number })[],
  expired: (BatchHeader & { size: number })[],
  nowMs: number,
): InstanceCounts[] {
  const instances = new Map<string, InstanceCounts>()
  const countsOf = (instance: string): InstanceCounts => {
    const known = instances.get(instance)
    if (known !== undefined) return known
    const counts = {
      ...{ instance, accepted: 0, dropped: 0, firstAtMs: nowMs, lastAtMs: 0 },
      ...{ lastSequence: -1, spilled: 0, isStopped: false },
      ...{ delivered: 0, batches: 0, stored: 0, expired: 0 },
    }
    instances.set(instance, counts)
    return counts
  }
  for (const { instance, sequence, sealedAtMs, isFinal, counters } of delivered) {
    const counts = countsOf(instance)
    counts.delivered++
    counts.accepted = Math.max(counts.accepted, counters.accepted)
    counts.dropped = Math.max(counts.dropped, counters.dropped)
    counts.firstAtMs = Math.min(counts.firstAtMs, sealedAtMs)
    counts.lastAtMs = Math.max(counts.lastAtMs, Math.min(sealedAtMs, nowMs))
    if (sequence <= counts.lastSequence) continue
    counts.lastSequence = sequence
    counts.spilled = counters.spilled
    counts.isStopped = isFinal
  }
  for (const batch of [...fresh, ...expired]) countsOf(batch.instance).batches++
  for (const batch of fresh) countsOf(batch.instance).stored += batch.size
  for (const batch of expired) countsOf(batch.instance).expired += batch.size
  return [...instances.values()].sort((a, b) => (a.instance < b.instance ? -1 : 1))
}
