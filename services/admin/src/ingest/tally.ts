import { addCounts, type Counts } from "../counts.ts"
import type { DayFamily, Family } from "../rollups.ts"

export type Values = Map<string, Counts>

/** The counts of one scope, family and period: a quarter's start as RFC 3339, or a day. */
export type Group = { scopeId: string; family: Family | DayFamily; period: string; values: Values }

/** What is to be added to the counts in Postgres. */
export type Tally = Map<string, Group>

export function valuesOf(tally: Tally, scopeId: string, family: Group["family"], period: string): Values {
  const key = `${scopeId} ${family} ${period}`
  const known = tally.get(key)
  if (known !== undefined) return known.values
  const values: Values = new Map()
  tally.set(key, { scopeId, family, period, values })
  return values
}

export function add(values: Values, value: string, counts: Readonly<Counts>): void {
  const known = values.get(value)
  if (known === undefined) values.set(value, { ...counts })
  else addCounts(known, counts)
}

export function addAll(to: Values, from: Values): void {
  for (const [value, counts] of from) add(to, value, counts)
}
