import type { Memory, Trend } from "../experiments/memory.ts"
import { table } from "./table.ts"

/** Lines of the table. */
const SHOWN = 16

export function memoryReport({ minutes, requestsPerSecond, windows, trend }: Memory): string {
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
    trend === null
      ? "Too short to tell whether it grows."
      : `After the warm-up: ${said("RSS", trend.rss)}, ${said("heap", trend.heap)}.`,
  ].join("\n\n")
}

function said(name: string, { mbAnHour, growth, isSteady }: Trend): string {
  const percent = (growth * 100).toFixed(1)
  return `${name} ${isSteady ? "does not grow" : "GROWS"} (${percent} % in the time measured, ${mbAnHour.toFixed(0)} MB an hour)`
}
