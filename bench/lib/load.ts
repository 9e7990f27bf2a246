import { randomInt } from "node:crypto"
import { run, succeeds } from "../../scripts/lib/run.ts"
import { cores, onCore } from "./cores.ts"
import { HEADERS, type Traffic } from "./traffic.ts"

/*
 * Closed-loop load: so many connections, each with its next request as soon as it has its answer. It finds the most that a server can do;
 * its latencies say nothing, as a slow server is asked less often.
 */
export type Load = {
  port: number
  traffic: Traffic
  connections: number
  seconds: number
}

/** `refused` are answers of 400 and above, `timedOut` requests that waited for seconds, `failed` those that lost their connection. */
export type LoadResult = {
  requests: number
  seconds: number
  refused: number
  timedOut: number
  failed: number
}

const HAS_WRK = await succeeds("sh", ["-c", "command -v wrk"])

export const loadGenerator = HAS_WRK ? "wrk" : "autocannon"

/** The signal ends it. */
export function applyLoad(load: Load, signal: AbortSignal): Promise<LoadResult> {
  return HAS_WRK ? wrk(load, signal) : autocannon(load, signal)
}

async function wrk({ port, traffic, connections, seconds }: Load, signal: AbortSignal): Promise<LoadResult> {
  const { host, pathsFile, agentsFile } = traffic
  const headers = Object.entries({ Host: host, ...HEADERS }).flatMap(([name, value]) => [
    "-H",
    `${name}: ${value}`,
  ])
  const args = [
    ...["-t1", `-c${connections}`, `-d${seconds}s`, "-s", `${import.meta.dirname}/wrk.lua`, ...headers],
    ...[`http://127.0.0.1:${port}`, "--", pathsFile, agentsFile, String(randomInt(2 ** 31))],
  ]
  return lastLine(await runOnLoadCore("wrk", args, signal))
}

async function autocannon(load: Load, signal: AbortSignal): Promise<LoadResult> {
  const script = `${import.meta.dirname}/autocannon-process.ts`
  return lastLine(await runOnLoadCore(process.execPath, [script, JSON.stringify(load)], signal))
}

export function runOnLoadCore(command: string, args: string[], signal: AbortSignal): Promise<string> {
  const pinned = onCore(cores.load, { command, args })
  return run(pinned.command, pinned.args, { signal })
}

/** What a load generator says last, as JSON. */
export function lastLine<T>(printed: string): T {
  return JSON.parse(printed.trimEnd().split("\n").at(-1) ?? "")
}
