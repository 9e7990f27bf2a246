import type { Db } from "../db/connect.ts"
import type { When } from "../repositories/stats/calendar.ts"
import { readRollups } from "../repositories/stats/rollups.ts"
import type { DayFamily } from "../rollups.ts"
import { addUp } from "./adding.ts"

/** How often each value was counted on a day. */
export type DayCounts = { day: string; visits: Map<string, number> }

/** What is counted by the day alone, for each day of a range of whole ones. */
export async function readDayCounts(
  db: Db,
  scopeId: string,
  family: DayFamily,
  { range, intervals }: When,
): Promise<DayCounts[]> {
  const parts = { days: { from: range.firstDay, to: range.lastDay }, quarters: [] }
  const rows = await readRollups(db, { scopeIds: [scopeId], family, parts, intervals, interval: "day" })
  const days = intervals.map(({ day }): DayCounts => ({ day, visits: new Map() }))
  const counted = addUp(rows, { family, filters: [], groupBy: "value", names: "all" })
  for (const { interval, value, visits } of counted) days[interval - 1]?.visits.set(value, visits)
  return days
}
