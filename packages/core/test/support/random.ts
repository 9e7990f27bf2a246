import type { Test } from "tap"

export type Random = {
  readonly seed: number
  /** From 0 up to but not including 1. */
  next(): number
  /** A whole number from 0 up to but not including the limit. */
  below(limit: number): number
  pick<T>(items: readonly [T, ...T[]]): T
  shuffle<T>(items: readonly T[]): T[]
}

/** Repeatable randomness: the seed is told with the results, and SEED runs the same test again. */
export function seededRandom(t: Test): Random {
  const seed = process.env.SEED ? Number(process.env.SEED) : Math.floor(Math.random() * 2 ** 32)
  t.comment(`SEED=${seed}`)
  return randomFrom(seed)
}

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0

  function next() {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  const below = (limit: number) => Math.floor(next() * limit)

  return {
    seed,
    next,
    below,
    pick: (items) => items[below(items.length)] ?? items[0],
    shuffle: (items) =>
      items
        .map((item) => ({ item, at: next() }))
        .sort((a, b) => a.at - b.at)
        .map(({ item }) => item),
  }
}
