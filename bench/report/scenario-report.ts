import type { Measured } from "../lib/contest.ts"
import { type Spread, spreadOf } from "../lib/numbers.ts"
import type { Comparison } from "./comparison.ts"
import type { ScenarioResult } from "./results.ts"
import { table } from "./table.ts"

export function scenarioReport({ title, measured, comparisons }: ScenarioResult): string {
  const [first] = measured
  return [
    `## ${title}`,
    table(
      [
        "server",
        "requests/s",
        "CPU µs",
        "core",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "at req/s",
        "MB",
        "Redis/1000",
      ],
      measured.map(serverRow),
    ),
    table([`${first?.name} ÷`, "by CPU", "by requests/s", "p99"], comparisons.map(comparisonRow)),
    ...measured.flatMap(remarksOn),
  ].join("\n\n")
}

function serverRow({ name, rounds, latency, memoryMb }: Measured): string[] {
  const median = (of: (round: Measured["rounds"][number]) => number) => spreadOf(rounds.map(of)).median
  const redisCommands = median((round) => round.redisCommandsPerThousand ?? Number.NaN)
  return [
    name,
    median((round) => round.requestsPerSecond).toFixed(0),
    median((round) => round.cpuMicroseconds).toFixed(1),
    median((round) => round.coreUse).toFixed(2),
    ...[latency.p50, latency.p99, latency.p999].map(({ median }) => median.toFixed(2)),
    latency.requestsPerSecond.toFixed(0),
    memoryMb.toFixed(0),
    Number.isNaN(redisCommands) ? "" : redisCommands.toFixed(1),
  ]
}

function comparisonRow({ with: other, cpu, rate, p99 }: Comparison): string[] {
  return [other, withSpread(cpu), rate === null ? "not the limit" : withSpread(rate), p99.toFixed(2)]
}

function withSpread({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`
}

/** What one must know to believe the numbers. */
function remarksOn({ name, rounds, latency }: Measured): string[] {
  const last = rounds.at(-1)
  const results = Object.entries(last?.results ?? {})
  const kinds = results.map(([result, count]) => `${count} ${result}`).join(", ")
  const refused = rounds.reduce((sum, round) => sum + round.refused, 0)
  const timedOut = rounds.reduce((sum, round) => sum + round.timedOut, 0)
  const { lateP99, busyShare, p99 } = latency
  const isDoubtful = lateP99.median > p99.median / 2 || busyShare.median > 0.9
  return [
    ...(results.some(([result]) => result !== "redirect")
      ? [`Answers of ${name} in the last round: ${kinds}.`]
      : []),
    ...(refused > 0 ? [`${name} answered ${refused} requests with 400 or above.`] : []),
    ...(timedOut > 0 ? [`${name} let ${timedOut} requests wait for seconds.`] : []),
    ...(isDoubtful
      ? [
          `${name}: the load generator was ${lateP99.median.toFixed(2)} ms late at p99 and busy for ${(busyShare.median * 100).toFixed(0)} % of the time, so these latencies may be its own.`,
        ]
      : []),
  ]
}
