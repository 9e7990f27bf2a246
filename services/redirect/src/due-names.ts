export type DueName = { name: string; readAtMs: number }

/** Names in the order in which they were read, each due `afterMs` later. At most `max`; what is beyond is not added. */
export function createDueNames({ afterMs, max }: { afterMs: number; max: number }) {
  let names: DueName[] = []
  let first = 0
  return {
    add(name: string, readAtMs: number): void {
      if (names.length - first < max) names.push({ name, readAtMs })
    },
    /** The oldest, when it is due; it is due no more. */
    take(nowMs: number): DueName | undefined {
      const due = names[first]
      if (due === undefined || due.readAtMs + afterMs > nowMs) return undefined
      first++
      if (first * 2 > names.length) {
        names = names.slice(first)
        first = 0
      }
      return due
    },
  }
}
