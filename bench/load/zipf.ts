import type { Random } from "../../packages/core/test/support/random.ts"

/** Draws numbers from 0 up to but not including the limit, with a probability that falls as 1 / (number + 1). */
export function zipf(random: Random, limit: number): () => number {
  const sums: number[] = []
  let sum = 0
  for (let rank = 1; rank <= limit; rank++) {
    sum += 1 / rank
    sums.push(sum)
  }
  return () => {
    const at = random.next() * sum
    let low = 0
    let high = limit - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) < at) low = middle + 1
      else high = middle
    }
    return low
  }
}
