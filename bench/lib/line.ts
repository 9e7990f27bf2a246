import { spreadOf } from "./numbers.ts"

/**
 * The line with the median of the slopes between any two of the points (x, y), by Theil and Sen. A few points far off do not turn it, as they
 * would that of least squares: so lie those after a garbage collection that gave memory back for a minute.
 */
export function lineThrough(points: [x: number, y: number][]): { slope: number; at: (x: number) => number } {
  const slope = median(
    points.flatMap(([x, y], i) => points.slice(0, i).map(([before, was]) => (y - was) / (x - before))),
  )
  const offset = median(points.map(([x, y]) => y - slope * x))
  return { slope, at: (x) => offset + slope * x }
}

const median = (values: number[]): number => spreadOf(values).median
