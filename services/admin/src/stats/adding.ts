import type { Counts } from "../counts.ts"
import type { CountsRow, Names } from "../repositories/stats/groups.ts"
import type { PeriodCounts, RollupRow } from "../repositories/stats/rollups.ts"
import { type DayFamily, FAMILIES, type Family, OTHER, SEPARATOR } from "../rollups.ts"
import type { Filter } from "./filters.ts"
import { byMost } from "./series.ts"

export type Grouping = {
  family: Family | DayFamily
  filters: Filter[]
  /** A dimension of the family; the scopes; or the values as they are. */
  groupBy: string | "scope" | "value" | null
  names: Names
}

/** What is told apart: its counts, and those of each interval, which it may share with others. */
type Group = Counts & { value: string; intervals: IntervalSums }

/** Visits, automated ones and clicks of each interval, in turn. */
type IntervalSums = Float64Array
const FIELDS = 3
const NO_SUMS: IntervalSums = new Float64Array()

/** A row, and which group each of its values belongs to: null where a filter leaves it out. */
type GroupedRow = { row: RollupRow; groups: (Group | null)[] }

/** Adds up rollups by interval and group. Groups that have nothing in an interval are not there. */
export function addUp(rows: RollupRow[], { names, ...grouping }: Grouping): CountsRow[] {
  const { groups, groupedRows } = groupRows(rows, grouping)
  const isNamed = namedAmong(groups, groupedRows, names)
  const intervals = rows.flatMap(({ periods }) => periods.map(({ interval }) => interval))
  const length = FIELDS * (1 + intervals.reduce((most, interval) => Math.max(most, interval), 0))
  const sums = new Map<string, IntervalSums>()
  for (const group of groups) {
    const value = isNamed(group.value) ? group.value : OTHER
    group.intervals = sums.get(value) ?? new Float64Array(length)
    sums.set(value, group.intervals)
  }
  forEachCount(groupedRows, (group, { interval, visits, automated, clicks }, i) => {
    const sums = group.intervals
    const at = interval * FIELDS
    sums[at] = (sums[at] ?? 0) + (visits[i] ?? 0)
    sums[at + 1] = (sums[at + 1] ?? 0) + (automated[i] ?? 0)
    sums[at + 2] = (sums[at + 2] ?? 0) + (clicks[i] ?? 0)
  })
  return [...sums].flatMap(([value, intervals]) => rowsOf(value, intervals))
}

/** By index, as there may be hundreds of thousands. */
function forEachCount(rows: GroupedRow[], add: (group: Group, counts: PeriodCounts, i: number) => void) {
  for (const { row, groups } of rows) {
    for (const counts of row.periods) {
      const { places, visits } = counts
      for (let i = 0; i < visits.length; i++) {
        const group = groups[places === null ? i : (places[i] ?? -1)] ?? null
        if (group !== null) add(group, counts, i)
      }
    }
  }
}

function rowsOf(value: string, sums: IntervalSums): CountsRow[] {
  const rows: CountsRow[] = []
  for (let at = 0; at < sums.length; at += FIELDS) {
    const [visits = 0, automated = 0, clicks = 0] = sums.subarray(at, at + FIELDS)
    if (visits > 0) rows.push({ interval: at / FIELDS, value, visits, automated, clicks })
  }
  return rows
}

/** A value is looked at once for each scope, however many rows it is in. */
function groupRows(rows: RollupRow[], grouping: Omit<Grouping, "names">) {
  const nameOf = createNameOf(grouping)
  const groups = new Map<string, Group>()
  const scopes = new Map<string, Map<string, Group | null>>()
  const find = (scopeId: string, value: string): Group | null => {
    const name = nameOf(scopeId, value)
    if (name === null) return null
    const known = groups.get(name) ?? { value: name, visits: 0, automated: 0, clicks: 0, intervals: NO_SUMS }
    groups.set(name, known)
    return known
  }
  const groupedRows = rows.map((row): GroupedRow => {
    const { scopeId, values } = row
    const known = scopes.get(scopeId) ?? new Map<string, Group | null>()
    scopes.set(scopeId, known)
    const groups = values.map((value) => {
      let group = known.get(value)
      if (group === undefined) {
        group = find(scopeId, value)
        known.set(value, group)
      }
      return group
    })
    return { row, groups }
  })
  return { groups: [...groups.values()], groupedRows }
}

/** The name of the group that a scope's value belongs to; null when a filter leaves it out. */
function createNameOf({ family, filters, groupBy }: Omit<Grouping, "names">) {
  const holds = filters.map(({ dimension, values, isNegated }) => {
    const place = placeOf(family, dimension)
    const wanted = new Set(values)
    return (words: string[]) => wanted.has(words[place] ?? "") !== isNegated
  })
  const isScope = groupBy === null || groupBy === "scope" || groupBy === "value"
  const place = isScope ? 0 : placeOf(family, groupBy)
  return (scopeId: string, value: string): string | null => {
    const words = value.split(SEPARATOR)
    if (!holds.every((holdsFor) => holdsFor(words))) return null
    if (groupBy === null) return ""
    if (groupBy === "scope") return scopeId
    return groupBy === "value" ? value : (words[place] ?? "")
  }
}

/** Where a dimension's word is in the family's values. */
function placeOf(family: Family | DayFamily, dimension: string): number {
  const dimensions: readonly string[] = family in FAMILIES ? FAMILIES[family as Family] : []
  const place = dimensions.indexOf(dimension)
  if (place < 0) throw new Error(`the family ${family} has no ${dimension}`)
  return place
}

function namedAmong(groups: Group[], rows: GroupedRow[], names: Names): (value: string) => boolean {
  if (names === "all") return () => true
  const set = new Set("are" in names ? names.are : mostOf(groups, rows, names))
  return (value) => set.has(value)
}

function mostOf(
  groups: Group[],
  rows: GroupedRow[],
  { most, by }: Extract<Names, { most: number }>,
): string[] {
  forEachCount(rows, (group, { visits, automated, clicks }, i) => {
    group.visits += visits[i] ?? 0
    group.automated += automated[i] ?? 0
    group.clicks += clicks[i] ?? 0
  })
  return groups
    .filter(({ value }) => value !== OTHER)
    .sort(byMost(by))
    .slice(0, most)
    .map(({ value }) => value)
}
