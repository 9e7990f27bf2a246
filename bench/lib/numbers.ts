/** Of several rounds. */
export type Spread = { median: number; min: number; max: number }

export function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    median: sorted[sorted.length >> 1] ?? Number.NaN,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  }
}

/** What is compared with what, in each round: a above b. */
export function ratiosOf(a: number[], b: number[]): Spread {
  return spreadOf(a.map((value, i) => value / (b[i] ?? Number.NaN)))
}
