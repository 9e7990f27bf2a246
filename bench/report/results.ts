import type { Edits } from "../experiments/edits.ts"
import type { Memory } from "../experiments/memory.ts"
import type { Overload } from "../experiments/overload.ts"
import type { Spread } from "../lib/numbers.ts"
import type { Measured } from "../measure/contest.ts"
import type { Comparison } from "./comparison.ts"
import type { Machine } from "./machine.ts"

export type Results = {
  at: string
  kind: "short" | "full"
  machine: Machine
  /** The share of time that others on the same host had the core of the servers; null where nobody can tell. */
  stolenShare: number | null
  scenarios: ScenarioResult[]
  edits?: Edits
  /** Seconds. */
  starts?: Spread
  overload?: Overload[]
  memory?: Memory
  failures: Failure[]
}

/** Of a part of the bench, and why. */
export type Failure = { name: string; message: string }

export type ScenarioResult = { name: string; title: string; measured: Measured[]; comparisons: Comparison[] }

export function firstOf({ scenarios }: Results, scenario: string): Measured | undefined {
  return scenarios.find(({ name }) => name === scenario)?.measured[0]
}

export function comparisonOf(
  { scenarios }: Results,
  scenario: string,
  other: string,
): Comparison | undefined {
  return scenarios.find(({ name }) => name === scenario)?.comparisons.find((each) => each.with === other)
}
