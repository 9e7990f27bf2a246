import { parseArgs } from "node:util"
import { measureEdits } from "./experiments/edits.ts"
import { measureMemory } from "./experiments/memory.ts"
import { measureOverload } from "./experiments/overload.ts"
import { measureStarts } from "./experiments/start.ts"
import { withBench } from "./lib/bench.ts"
import { measureAll, type Settings } from "./lib/contest.ts"
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

const usual: Settings = options.full
  ? {
      // Longer than the edge keeps an entry.
      ...{ connections: 64, warmUpSeconds: 5, runInSeconds: 2, longRunInSeconds: 70 },
      ...{ rounds: 5, seconds: 5, latencyRounds: 3, latencySeconds: 10 },
    }
  : {
      ...{ connections: 64, warmUpSeconds: 2, runInSeconds: 1, longRunInSeconds: 5 },
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

const only = options.only?.split(",")
const isChosen = (name: string, isShort = false) => only?.includes(name) ?? (isShort || options.full)

const results: Results = {
  at: new Date().toISOString(),
  kind: options.full ? "full" : "short",
  machine: await describeMachine(),
  scenarios: [],
}
try {
  await measureChosen()
} finally {
  console.log(report(results)) // what was measured before something failed, too
}
// A part of a bench is no result.
if (only === undefined) console.log(`\nWritten to ${await keep(results)}.json and .md`)

async function measureChosen(): Promise<void> {
  for (const scenario of scenarios) {
    if (isChosen(scenario.name, scenario.isShort)) results.scenarios.push(await perform(scenario))
  }
  if (isChosen("edits")) results.edits = await measureEdits(EDITS_SECONDS)
  if (isChosen("start")) results.starts = await measureStarts(STARTS)
  if (isChosen("overload")) results.overload = await measureOverload(OVERLOAD)
  if (isChosen("memory")) results.memory = await measureMemory(MEMORY_MINUTES)
}

async function perform({ name, title, start }: Scenario): Promise<ScenarioResult> {
  console.error(`${title} …`)
  const measured = await withBench(async (bench) => measureAll(await start(bench), settings))
  const [first, ...others] = measured
  return { name, title, measured, comparisons: first ? others.map((other) => compare(first, other)) : [] }
}
