import type { Counts } from "../counts.ts"
import type { CountsRow, Names } from "../repositories/stats/groups.ts"
import type { RollupRow } from "../repositories/stats/rollups.ts"
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

/** What is told apart: its counts in each interval, and of all of them. */
type Group = Counts & { value: string; intervals: Map<number, Counts> }

/** Adds up rollups by interval and group. Groups that have nothing in an interval are not there. */
export function addUp(rows: RollupRow[], { names, ...grouping }: Grouping): CountsRow[] {
  const groups = groupsOf(rows, grouping)
  const isNamed = namedAmong(groups, names)
  const merged = new Map<string, Group>()
  for (const group of groups) {
    const value = isNamed(group.value) ? group.value : OTHER
    const known = merged.get(value)
    if (known === undefined) merged.set(value, { ...group, value })
    else
      for (const [interval, { visits, automated, clicks }] of group.intervals)
        addTo(known, interval, visits, automated, clicks)
  }
  return [...merged.values()].flatMap(({ value, intervals }) =>
    [...intervals].map(([interval, counts]) => ({ interval, value, ...counts })),
  )
}

/** A value is looked at once for each scope, however many rows it is in. */
function groupsOf(rows: RollupRow[], grouping: Omit<Grouping, "names">): Group[] {
  const groupOf = createGroupOf(grouping)
  const groups = new Map<string, Group>()
  const scopes = new Map<string, Map<string, Group | null>>()
  const find = (scopeId: string, value: string): Group | null => {
    const name = groupOf(scopeId, value)
    if (name === null) return null
    const known = groups.get(name) ?? {
      value: name,
      visits: 0,
      automated: 0,
      clicks: 0,
      intervals: new Map(),
    }
    groups.set(name, known)
    return known
  }
  for (const row of rows) {
    const known = scopes.get(row.scopeId) ?? new Map<string, Group | null>()
    scopes.set(row.scopeId, known)
    // By index, and without an object for each value: there may be hundreds of thousands.
    for (let i = 0; i < row.values.length; i++) {
      const value = row.values[i] ?? ""
      let group = known.get(value)
      if (group === undefined) {
        group = find(row.scopeId, value)
        known.set(value, group)
      }
      if (group !== null)
        addTo(group, row.interval, row.visits[i] ?? 0, row.automated[i] ?? 0, row.clicks[i] ?? 0)
    }
  }
  return [...groups.values()]
}

function addTo(group: Group, interval: number, visits: number, automated: number, clicks: number): void {
  group.visits += visits
  group.automated += automated
  group.clicks += clicks
  const counts = group.intervals.get(interval)
  if (counts === undefined) {
    group.intervals.set(interval, { visits, automated, clicks })
    return
  }
  counts.visits += visits
  counts.automated += automated
  counts.clicks += clicks
}

/** The group that a scope's value belongs to; null when a filter leaves it out. */
function createGroupOf({ family, filters, groupBy }: Omit<Grouping, "names">) {
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

function namedAmong(groups: Group[], names: Names): (value: string) => boolean {
  if (names === "all") return () => true
  const named =
    "are" in names
      ? names.are
      : groups
          .filter(({ value }) => value !== OTHER)
          .sort(byMost(names.by))
          .slice(0, names.most)
          .map(({ value }) => value)
  const set = new Set(named)
  return (value) => set.has(value)
}
