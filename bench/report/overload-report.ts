import type { Level, Overload } from "../experiments/overload.ts"
import { withSpread } from "./spread.ts"
import { table } from "./table.ts"

export function overloadReport(overloads: Overload[]): string {
  return [
    "## Overload: Zipf traffic by more and more connections",
    ...overloads.map(({ name, levels }) =>
      table(
        [
          name,
          "good/s",
          "of its best",
          "CPU µs",
          "refused",
          "lost",
          "MB",
          "ops p50 ms",
          "ops max ms",
          "ops failed",
        ],
        levels.map(row),
      ),
    ),
  ].join("\n\n")
}

function row({
  connections,
  goodput,
  share,
  cpuMicroseconds,
  refused,
  lost,
  peakMemoryMb,
  ops,
  opsFailures,
}: Level): string[] {
  return [
    String(connections),
    withSpread(goodput, 0),
    share.toFixed(2),
    withSpread(cpuMicroseconds, 1),
    String(refused),
    String(lost),
    peakMemoryMb.toFixed(0),
    ops?.p50.toFixed(1) ?? "",
    ops?.max.toFixed(1) ?? "",
    String(opsFailures),
  ]
}
