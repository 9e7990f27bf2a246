/** Does work once it is its turn, in the order of asking. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/** So many may be at work at once. */
export function createTurns(atOnce: number): Turns {
  let free = atOnce
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free++
      else next()
    }
  }
}
