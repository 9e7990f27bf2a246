import { readFileSync } from "node:fs"
import { cores } from "../lib/cores.ts"

/** Gives what tells which share of the time since then others on the same host had the server's core; null where there is no /proc. */
export function watchStolenTime(): () => number | null {
  const before = ticks()
  return () => {
    const now = ticks()
    return before && now && (now.stolen - before.stolen) / (now.all - before.all)
  }
}

function ticks(): { stolen: number; all: number } | null {
  try {
    const line = new RegExp(`^cpu${cores.server} (.*)`, "m").exec(readFileSync("/proc/stat", "utf8"))
    // User, nice, system, idle, waiting, two kinds of interrupts, stolen; those of guests are in user already.
    const counts = (line?.[1] ?? "").split(" ").slice(0, 8).map(Number)
    return { stolen: counts[7] ?? 0, all: counts.reduce((sum, count) => sum + count, 0) }
  } catch {
    return null
  }
}
