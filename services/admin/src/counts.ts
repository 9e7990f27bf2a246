/** Of visits: all, those of machines, and those that were clicks. */
export type Counts = { visits: number; automated: number; clicks: number }

export function addCounts(to: Counts, { visits, automated, clicks }: Readonly<Counts>): void {
  to.visits += visits
  to.automated += automated
  to.clicks += clicks
}

export function sumOf(all: Iterable<Readonly<Counts>>): Counts {
  const sum = { visits: 0, automated: 0, clicks: 0 }
  for (const counts of all) addCounts(sum, counts)
  return sum
}
