import type { IntervalStart } from "./repositories/stats-calendar.ts"
import type { Counts, CountsRow } from "./repositories/stats-groups.ts"
import { OTHER } from "./rollups.ts"

export type SeriesRow = Counts & { start: string; value?: string }

const NONE: Counts = { visits: 0, automated: 0, clicks: 0 }

/** A row for each interval, or for each interval and value, what is not told apart the last: zeros where nothing was counted. */
export function seriesOf(
  rows: CountsRow[],
  intervals: IntervalStart[],
  values: string[] | null,
): SeriesRow[] {
  const counted = new Map(rows.map((row) => [`${row.interval} ${row.value}`, row]))
  const told = rows.some(({ value }) => value === OTHER) ? [...(values ?? []), OTHER] : values
  return intervals.flatMap(({ start }, index) =>
    (told ?? [""]).map((value) => {
      const { visits, automated, clicks } = counted.get(`${index + 1} ${value}`) ?? NONE
      return { start: start.toISOString(), ...(told && { value }), visits, automated, clicks }
    }),
  )
}

/** The values that are told apart, in the order of their counts over a single interval. */
export function rankedBy(by: "visits" | "clicks", rows: CountsRow[]): CountsRow[] {
  return rows
    .filter(({ value }) => value !== OTHER)
    .sort((a, b) => b[by] - a[by] || b.visits - a.visits || (a.value < b.value ? -1 : 1))
}
