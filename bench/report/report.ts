import { mkdir, writeFile } from "node:fs/promises"
import { root } from "../../scripts/lib/services.ts"
import type { Edits } from "../experiments/edits.ts"
import type { Spread } from "../lib/numbers.ts"
import { memoryReport } from "./memory-report.ts"
import { overloadReport } from "./overload-report.ts"
import type { Failure, Results } from "./results.ts"
import { scenarioReport } from "./scenario-report.ts"
import { table } from "./table.ts"
import { targetsReport } from "./targets.ts"

const FOLDER = `${root}/bench/results`

export function report(results: Results): string {
  const { at, kind, machine, scenarios, edits, starts, overload, memory, failures } = results
  return [
    `# Bench of ${machine.commit}, ${at.slice(0, 16).replace("T", " ")} UTC (${kind})`,
    machineReport(results),
    ...scenarios.map(scenarioReport),
    ...(edits ? [editsReport(edits)] : []),
    ...(starts ? [startsReport(starts)] : []),
    ...(overload ? [overloadReport(overload)] : []),
    ...(memory ? [memoryReport(memory)] : []),
    ...failures.map(failureReport),
    targetsReport(results),
  ].join("\n\n")
}

function machineReport({ machine, stolenShare }: Results): string {
  const { cpu, cores, kernel, memoryGb, loadGenerator, isPinned, hasNginxLua } = machine
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`)
  const remarks = [
    stolenShare !== null &&
      `Others on the same host had the core of the servers for ${(stolenShare * 100).toFixed(1)} % of the time.`,
    loadGenerator !== "wrk" &&
      "Load by autocannon, which saturates earlier: requests/s may be its own limit.",
    !isPinned && "Nothing was pinned to a core: server and load generator disturb each other.",
    !hasNginxLua && "nginx with Lua and Redis was not there to compare with.",
  ]
  const has = `${cpu}, ${cores} cores, ${memoryGb} GB, Linux ${kernel}; ${versions.join(", ")}.`
  return [has, ...remarks.filter((remark) => remark !== false)].join("\n")
}

function editsReport({ edits, requestsPerSecond, sinceAnswer, sinceRequest }: Edits): string {
  const row = (since: string, { p50, p99, max }: Edits["sinceAnswer"]) => [
    since,
    ...[p50, p99, max].map((ms) => ms.toFixed(1)),
  ]
  return [
    `## ${edits} edits, one after another, at ${requestsPerSecond} requests/s over two edges: ms until both serve the new url`,
    table(
      ["since", "p50", "p99", "max"],
      [row("the API's answer", sinceAnswer), row("the request to the API", sinceRequest)],
    ),
  ].join("\n\n")
}

function startsReport({ median, min, max }: Spread): string {
  const seconds = [median, min, max].map((value) => value.toFixed(2))
  return `## Start\n\nAn edge is ready ${seconds[0]} s after its process was started (${seconds[1]} to ${seconds[2]}).`
}

function failureReport({ name, message }: Failure): string {
  return `## ${name} failed\n\n\`\`\`\n${message}\n\`\`\``
}

/** Gives the path without its ending. */
export async function keep(results: Results): Promise<string> {
  await mkdir(FOLDER, { recursive: true })
  const { at, kind, machine } = results
  const path = `${FOLDER}/${at.slice(0, 10)}-${machine.commit}${kind === "short" ? "-short" : ""}`
  await writeFile(`${path}.json`, `${JSON.stringify(results, null, 2)}\n`)
  await writeFile(`${path}.md`, `${report(results)}\n`)
  return path
}
