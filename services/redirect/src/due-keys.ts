export type DueKey = { key: string; readAtMs: number }

/** Keys in the order in which they were read, each due `afterMs` later. At most `max`; what is beyond is not added. */
export function createDueKeys({ afterMs, max }: { afterMs: number; max: number }) {
  let keys: DueKey[] = []
  let first = 0
  return {
    add(key: string, readAtMs: number): void {
      if (keys.length - first < max) keys.push({ key, readAtMs })
    },
    /** The oldest, when it is due; it is due no more. */
    take(nowMs: number): DueKey | undefined {
      const due = keys[first]
      if (due === undefined || due.readAtMs + afterMs > nowMs) return undefined
      first++
      if (first * 2 > keys.length) {
        keys = keys.slice(first)
        first = 0
      }
      return due
    },
  }
}
