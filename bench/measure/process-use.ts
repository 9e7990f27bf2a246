import { readFileSync } from "node:fs"

/** Linux counts CPU time in ticks of 10 ms. */
const TICK_MICROSECONDS = 10_000

/** CPU time of a process with its threads, of its children, and of those that ended, in microseconds; NaN where there is no /proc. */
export function cpuOfFamily(pid: number): number {
  let sum = 0
  for (const each of [pid, ...childrenOf(pid)]) {
    const fields = statOf(each)
    if (fields === undefined) continue
    const own = Number(fields[11]) + Number(fields[12])
    const ended = each === pid ? Number(fields[13]) + Number(fields[14]) : 0
    sum += (own + ended) * TICK_MICROSECONDS
  }
  return sum === 0 ? Number.NaN : sum
}

/** The memory that a process and its children have now, in MB. Pages that they share count for each. */
export function memoryOfFamily(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, each) => sum + megabytes(each, "VmRSS"), 0)
}

/** The most memory a process has had at once, in MB. */
export function peakMemory(pid: number): number {
  return megabytes(pid, "VmHWM")
}

function megabytes(pid: number, field: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024
  } catch {
    return Number.NaN
  }
}

/** Those that its main thread started. */
function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    return (children.match(/\d+/g) ?? []).map(Number)
  } catch {
    return []
  }
}

/** From the third field on: state, parent, … */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}
