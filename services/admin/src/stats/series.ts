import { addCounts, type Counts } from "../counts.ts"
import type { IntervalStart } from "../repositories/stats/calendar.ts"
import type { CountsRow, Names } from "../repositories/stats/groups.ts"
import { OTHER } from "../rollups.ts"

export type SeriesRow = Counts & { start: string; value?: string }

const NONE: Counts = { visits: 0, automated: 0, clicks: 0 }

/** A row for each interval, or for each interval and value: zeros where nothing was counted. */
export function seriesOf(
  rows: CountsRow[],
  intervals: IntervalStart[],
  values: string[] | null,
): SeriesRow[] {
  const counted = new Map<string, CountsRow[]>((values ?? [""]).map((value) => [value, []]))
  for (const row of rows) {
    const ofValue = counted.get(row.value)
    if (ofValue !== undefined) ofValue[row.interval] = row
  }
  const byValue = [...counted]
  return intervals.flatMap(({ start: time }, index) => {
    const start = time.toISOString()
    return byValue.map(([value, ofValue]) => {
      const { visits, automated, clicks } = ofValue[index + 1] ?? NONE
      return values === null
        ? { start, visits, automated, clicks }
        : { start, value, visits, automated, clicks }
    })
  })
}

/**
 * The values that are told apart, also those wanted that were not counted; what is not told apart comes last. Null where nothing is.
 */
export function valuesOf(rows: CountsRow[], names: Names): string[] | null {
  if (names === "all") return null
  if ("most" in names) return rankedBy(names.by, rows).map(({ value }) => value)
  return rows.some(({ value }) => value === OTHER) ? [...names.are, OTHER] : names.are
}

/** The values in the order of their counts; what is not told apart comes last. */
export function rankedBy(by: "visits" | "clicks", rows: CountsRow[]): Ranked[] {
  const totals = new Map<string, Ranked>()
  for (const row of rows) {
    const { value } = row
    const total = totals.get(value) ?? { value, ...NONE }
    totals.set(value, total)
    addCounts(total, row)
  }
  const isOther = ({ value }: Ranked) => Number(value === OTHER)
  return [...totals.values()].sort((a, b) => isOther(a) - isOther(b) || byMost(by)(a, b))
}

type Ranked = Counts & { value: string }

/** Orders by the counts that are asked for, then by visits, then by name. */
export const byMost =
  (by: "visits" | "clicks") =>
  (a: Ranked, b: Ranked): number =>
    b[by] - a[by] || b.visits - a.visits || (a.value < b.value ? -1 : 1)
