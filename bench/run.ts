import { parseArgs } from "node:util"
import { exitWith, PlainError, report as reportError } from "../scripts/lib/plain-error.ts"
import { measureEdits } from "./experiments/edits.ts"
import { measureMemory } from "./experiments/memory.ts"
import { measureOverload } from "./experiments/overload.ts"
import { measureStarts } from "./experiments/start.ts"
import { type Bench, withBench } from "./lib/bench.ts"
import { type Measured, measureAll, type Settings, together } from "./measure/contest.ts"
import { watchStolenTime } from "./measure/stolen-time.ts"
import { compare } from "./report/comparison.ts"
import { describeMachine } from "./report/machine.ts"
import { keep, report } from "./report/report.ts"
import type { Results, ScenarioResult } from "./report/results.ts"
import { scenarios } from "./scenarios/all.ts"
import type { Scenario } from "./scenarios/scenario.ts"

/* Edges beside servers that do less, or the same in the plainest way: README.md beside this file says how to read it. */
const { values: options } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    /** Names with commas between: of scenarios, `edits`, `start`, `overload`, `memory`. */
    only: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
  },
})

/** Of each scenario: what a process makes of its memory and its code differs by some percent from one start to the next. */
const SCENARIO_STARTS = options.full ? 3 : 1
const usual: Settings = options.full
  ? {
      // The long one is longer than the edge keeps an entry.
      ...{ connections: 64, warmUpSeconds: 8, runInSeconds: 1, longWarmUpSeconds: 70, longRunInSeconds: 10 },
      ...{ rounds: 3, seconds: 2, latencyRounds: 3, latencySeconds: 2 },
    }
  : {
      ...{ connections: 64, warmUpSeconds: 5, runInSeconds: 1, longWarmUpSeconds: 10, longRunInSeconds: 2 },
      ...{ rounds: 3, seconds: 2, latencyRounds: 1, latencySeconds: 3 },
    }
const settings: Settings = {
  ...usual,
  ...(options.rounds && { rounds: Number(options.rounds) }),
  ...(options.seconds && { seconds: Number(options.seconds) }),
}
const EDITS_SECONDS = 30
const STARTS = 11
const OVERLOAD = { rounds: 3, seconds: 5 }
const MEMORY_MINUTES = 30

type Part = { name: string; isShort?: boolean; measure(): Promise<Partial<Results>> }

const parts: Part[] = [
  ...scenarios.map((scenario) => ({
    ...scenario,
    measure: async () => ({ scenarios: [...results.scenarios, await perform(scenario)] }),
  })),
  { name: "edits", measure: async () => ({ edits: await measureEdits(EDITS_SECONDS) }) },
  { name: "start", measure: async () => ({ starts: await measureStarts(STARTS) }) },
  { name: "overload", measure: async () => ({ overload: await measureOverload(OVERLOAD) }) },
  { name: "memory", measure: async () => ({ memory: await measureMemory(MEMORY_MINUTES) }) },
]
const chosen = choose(options.only?.split(","))

const results: Results = {
  at: new Date().toISOString(),
  kind: options.full ? "full" : "short",
  machine: await describeMachine(),
  ...{ stolenShare: null, scenarios: [], failures: [] },
}
const stolenShare = watchStolenTime()
for (const part of chosen) await attempt(part)
results.stolenShare = stolenShare()
console.log(report(results))
// A part of a bench is no result.
if (options.only === undefined) console.log(`\nWritten to ${await keep(results)}.json and .md`)
if (results.failures.length > 0) process.exitCode = 1

function choose(only: string[] | undefined): Part[] {
  if (only === undefined) return parts.filter(({ isShort }) => isShort || options.full)
  const names = parts.map(({ name }) => name)
  const unknown = only.filter((name) => !names.includes(name))
  if (unknown.length === 0) return parts.filter(({ name }) => only.includes(name))
  return exitWith(new PlainError(`there is no ${unknown.join(", ")}; there are ${names.join(", ")}`))
}

/** A part that fails keeps no other from being measured. */
async function attempt({ name, measure }: Part): Promise<void> {
  try {
    Object.assign(results, await measure())
  } catch (err) {
    reportError(err)
    results.failures.push({ name, message: err instanceof Error ? err.message : String(err) })
  }
}

async function perform({ name, title, start }: Scenario): Promise<ScenarioResult> {
  const starts: Measured[][] = []
  while (starts.length < SCENARIO_STARTS) {
    console.error(`${title}, start ${starts.length + 1} of ${SCENARIO_STARTS} …`)
    const measure = async (bench: Bench) =>
      measureAll(await start(bench), { ...settings, signal: bench.signal })
    starts.push(await withBench(measure))
  }
  const measured = together(starts)
  const [first, ...others] = measured
  return { name, title, measured, comparisons: first ? others.map((other) => compare(first, other)) : [] }
}
