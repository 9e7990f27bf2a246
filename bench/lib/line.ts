/** The line with the least squared distance from the points (x, y). */
export function lineThrough(points: [x: number, y: number][]): { slope: number; at: (x: number) => number } {
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const covariance = mean(points.map(([x, y]) => (x - meanX) * (y - meanY)))
  const slope = covariance / mean(points.map(([x]) => (x - meanX) ** 2))
  return { slope, at: (x) => meanY + slope * (x - meanX) }
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
