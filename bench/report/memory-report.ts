import type { Growth, Memory } from "../experiments/memory.ts"
import { table } from "./table.ts"

/** Lines of the table. */
const SHOWN = 16

export function memoryReport({ minutes, requestsPerSecond, windows, growth }: Memory): string {
  const each = Math.ceil(windows.length / SHOWN)
  const shown = windows.filter((_, i) => i % each === 0 || i === windows.length - 1)
  return [
    `## Memory of an edge over ${minutes} minutes of Zipf traffic, ${requestsPerSecond.toFixed(0)} requests/s`,
    table(
      ["minutes", "RSS MB", "heap MB"],
      shown.map(({ atMinutes, rssMb, heapMb }) => [
        atMinutes.toFixed(1),
        rssMb.toFixed(0),
        heapMb.toFixed(0),
      ]),
    ),
    growth === null
      ? "Too short to tell whether it grows."
      : `After the warm-up: ${said("RSS", growth.rss)}, ${said("heap", growth.heap)}.`,
  ].join("\n\n")
}

function said(name: string, { earlierMb, laterMb, growth, isSteady }: Growth): string {
  const most = `at most ${earlierMb.toFixed(0)} MB in the first half, ${laterMb.toFixed(0)} MB in the second`
  return `${name} ${isSteady ? "does not grow" : "GROWS"} (${most}: ${(growth * 100).toFixed(1)} %)`
}
