import { readFileSync } from "node:fs"

/** Linux counts CPU time in ticks of 10 ms. */
const TICK_MICROSECONDS = 10_000

/** User and system time that a process has used, in microseconds; NaN where there is no /proc. */
export function cpuMicroseconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS
  } catch {
    return Number.NaN
  }
}
