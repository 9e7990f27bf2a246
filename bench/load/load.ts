import { execFile } from "node:child_process"
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { run, succeeds } from "../../scripts/lib/run.ts"
import { cores, onCore } from "../lib/cores.ts"
import { HEADERS, type Traffic } from "./traffic.ts"

/*
 * Closed-loop load: so many connections, each with its next request as soon as it has its answer. It finds the most that a server can do;
 * its latencies say nothing, as a slow server is asked less often.
 */
export type Load = {
  port: number
  traffic: Traffic
  connections: number
}
export type TimedLoad = Load & { seconds: number }

/** `refused` are answers of 400 and above, `timedOut` requests that waited for seconds, `failed` those that lost their connection. */
export type LoadResult = {
  requests: number
  /** In which it was made; a generator also counts those in which it was held. */
  seconds: number
  refused: number
  timedOut: number
  failed: number
}

/** A process that is held but for the times that it is let go. */
export type LoadGenerator = {
  /** Lets it make load for so long. */
  letGo(seconds: number): Promise<void>
  end(): Promise<LoadResult>
}

/** Longer than any load: where nobody ends it, it ends by itself. */
const SECONDS_MAX = 7_200
/** From when it has read what it will ask for until it counts. */
const BEGIN_MS = 50
const INTERRUPT_MS = 5

const HAS_WRK = await succeeds("sh", ["-c", "command -v wrk"])

export const loadGenerator = HAS_WRK ? "wrk" : "autocannon"

/** The signal ends it. */
export async function applyLoad(load: TimedLoad, signal: AbortSignal): Promise<LoadResult> {
  const generator = await holdLoad(load, signal)
  await generator.letGo(load.seconds)
  return generator.end()
}

/** Resolves when it has begun. The signal ends it. */
export async function holdLoad(load: Load, signal: AbortSignal): Promise<LoadGenerator> {
  const { command, args } = onCore(cores.load, HAS_WRK ? wrk(load) : autocannon(load))
  // What is held takes no gentler signal.
  const running = promisify(execFile)(command, args, { signal, killSignal: "SIGKILL" })
  const { child } = running
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), running])
  await Promise.race([sleep(BEGIN_MS, undefined, { signal }), running])
  let heldSeconds = 0
  let heldAtMs = 0

  function hold() {
    child.kill("SIGSTOP")
    heldAtMs = performance.now()
  }
  function resume() {
    heldSeconds += (performance.now() - heldAtMs) / 1_000
    child.kill("SIGCONT")
  }

  hold()
  return {
    async letGo(seconds) {
      resume()
      await Promise.race([sleep(seconds * 1_000, undefined, { signal }), running])
      hold()
    },
    async end() {
      resume()
      child.kill("SIGINT")
      // A thread of wrk that gets it ends itself alone; the next is its main thread's.
      const again = setInterval(() => HAS_WRK && child.kill("SIGINT"), INTERRUPT_MS)
      const { stdout } = await running.finally(() => clearInterval(again))
      const printed = lastLine<LoadResult>(stdout)
      return { ...printed, seconds: printed.seconds - heldSeconds }
    },
  }
}

function wrk({ port, traffic, connections }: Load) {
  const { host, pathsFile, agentsFile } = traffic
  const headers = Object.entries({ Host: host, ...HEADERS }).flatMap(([name, value]) => [
    "-H",
    `${name}: ${value}`,
  ])
  const args = [
    ...["-t1", `-c${connections}`, `-d${SECONDS_MAX}s`, "-s", `${import.meta.dirname}/wrk.lua`, ...headers],
    ...[`http://127.0.0.1:${port}`, "--", pathsFile, agentsFile, String(randomInt(2 ** 31))],
  ]
  return { command: "wrk", args }
}

function autocannon(load: Load) {
  const timed: TimedLoad = { ...load, seconds: SECONDS_MAX }
  const args = [`${import.meta.dirname}/autocannon-process.ts`, JSON.stringify(timed)]
  return { command: process.execPath, args }
}

export function runOnLoadCore(command: string, args: string[], signal: AbortSignal): Promise<string> {
  const pinned = onCore(cores.load, { command, args })
  return run(pinned.command, pinned.args, { signal })
}

/** What a load generator says last, as JSON. */
export function lastLine<T>(printed: string): T {
  return JSON.parse(printed.trimEnd().split("\n").at(-1) ?? "")
}
