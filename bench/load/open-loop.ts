import { lastLine, runOnLoadCore } from "./load.ts"
import type { Traffic } from "./traffic.ts"

/*
 * Open-loop load: requests are due at a fixed rate, whatever became of those before. A latency counts from when its request was due, so
 * one slow answer shows in all that had to wait behind it.
 */
export type OpenLoad = {
  port: number
  traffic: Traffic
  connections: number
  requestsPerSecond: number
  /** After a first second that is not counted. */
  seconds: number
}

/** Milliseconds. `lateP99` is how late the generator noticed that a request was due, `busyShare` how much of the time it had
 * something to do: near 1 it measures itself. `answers` are by status, those of the first second included. */
export type OpenLoadResult = {
  p50: number
  p99: number
  p999: number
  lateP99: number
  busyShare: number
  answers: Record<string, number>
}

/** The signal ends it. */
export async function applyOpenLoad(load: OpenLoad, signal: AbortSignal): Promise<OpenLoadResult> {
  const script = `${import.meta.dirname}/open-loop-process.ts`
  return lastLine(await runOnLoadCore(process.execPath, [script, JSON.stringify(load)], signal))
}
