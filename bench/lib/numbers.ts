import type { Histogram } from "node:perf_hooks"

/** Of several rounds. */
export type Spread = { median: number; min: number; max: number }

export function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (i: number) => sorted[i] ?? Number.NaN
  const last = sorted.length - 1
  return { median: (at(last >> 1) + at((last + 1) >> 1)) / 2, min: at(0), max: at(last) }
}

/** What is compared with what, in each round: a above b. */
export function ratiosOf(a: number[], b: number[]): Spread {
  return spreadOf(a.map((value, i) => value / (b[i] ?? Number.NaN)))
}

/** Milliseconds, out of a histogram of microseconds. */
export function percentileMs(histogram: Histogram, percentile: number): number {
  return histogram.percentile(percentile) / 1_000
}

/** All, beginning with another one in each round: what comes first, or after what, favours nobody. */
export function rotated<T>(items: T[], round: number): T[] {
  const first = round % items.length
  return [...items.slice(first), ...items.slice(0, first)]
}
