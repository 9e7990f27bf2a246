import { LRUCache } from "lru-cache"

/**
 * So many a window for each key, the window beginning with the first. It counts before the work and at once, so parallel requests cannot
 * slip through; of more than `keysMax` keys those not seen for longest are forgotten.
 */
export type Limit = {
  /** Counts one and is 0, or counts none and says in how many seconds there is one again. */
  take(key: string): number
  /** For what turned out not to count. */
  giveBack(key: string): void
}

export function createLimit(options: {
  max: number
  windowMs: number
  keysMax: number
  /** Monotonic milliseconds. */
  now: () => number
}): Limit {
  const { max, windowMs, now } = options
  const windows = new LRUCache<string, { taken: number; endsAtMs: number }>({ max: options.keysMax })
  return {
    take(key) {
      const nowMs = now()
      const open = windows.get(key)
      if (open === undefined || nowMs >= open.endsAtMs) {
        windows.set(key, { taken: 1, endsAtMs: nowMs + windowMs })
        return 0
      }
      if (open.taken >= max) return Math.max(1, Math.ceil((open.endsAtMs - nowMs) / 1_000))
      open.taken++
      return 0
    },
    giveBack(key) {
      const open = windows.peek(key)
      if (open !== undefined && open.taken > 0) open.taken--
    },
  }
}
