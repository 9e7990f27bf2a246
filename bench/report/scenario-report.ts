import { spreadOf } from "../lib/numbers.ts"
import type { Measured } from "../measure/contest.ts"
import { BUSY, type Comparison } from "./comparison.ts"
import type { ScenarioResult } from "./results.ts"
import { withSpread } from "./spread.ts"
import { table } from "./table.ts"

const UNSATURATED = `*: one of the two used less than ${BUSY} of its core. A server that waits wakes up more often, and for less: with its core full a request would cost it less CPU.`

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
    ...(comparisons.some(({ rate }) => rate === null) ? [UNSATURATED] : []),
    ...measured.flatMap(remarksOn),
  ].join("\n\n")
}

function serverRow({ name, rounds, latencies, memoryMb }: Measured): string[] {
  const median = (of: (round: Measured["rounds"][number]) => number) => spreadOf(rounds.map(of)).median
  const redisCommands = median((round) => round.redisCommandsPerThousand ?? Number.NaN)
  return [
    name,
    median((round) => round.requestsPerSecond).toFixed(0),
    median((round) => round.cpuMicroseconds).toFixed(1),
    median((round) => round.coreUse).toFixed(2),
    ...(["p50", "p99", "p999"] as const).map((field) => medianOf(latencies, field).toFixed(2)),
    medianOf(latencies, "requestsPerSecond").toFixed(0),
    memoryMb.toFixed(0),
    Number.isNaN(redisCommands) ? "" : redisCommands.toFixed(1),
  ]
}

function comparisonRow({ with: other, cpu, rate, p99 }: Comparison): string[] {
  const [byCpu, byRate] =
    rate === null ? [`${withSpread(cpu)} *`, "not the limit"] : [withSpread(cpu), withSpread(rate)]
  return [other, byCpu, byRate, withSpread(p99)]
}

type Latencies = Measured["latencies"]

function medianOf(latencies: Latencies, field: Exclude<keyof Latencies[number], "answers">): number {
  return spreadOf(latencies.map((latency) => latency[field])).median
}

/** What one must know to believe the numbers. */
function remarksOn({ name, rounds, latencies, redisBytesPerLink }: Measured): string[] {
  const last = rounds.at(-1)
  const results = Object.entries(last?.results ?? {})
  const kinds = results.map(([result, count]) => `${count} ${result}`).join(", ")
  const refused = rounds.reduce((sum, round) => sum + round.refused, 0)
  const timedOut = rounds.reduce((sum, round) => sum + round.timedOut, 0)
  const [lateP99, busyShare] = [medianOf(latencies, "lateP99"), medianOf(latencies, "busyShare")]
  const isDoubtful = lateP99 > medianOf(latencies, "p99") / 2 || busyShare > 0.9
  return [
    ...(results.some(([result]) => result !== "redirect")
      ? [`Answers of ${name} in the last round: ${kinds}.`]
      : []),
    ...(refused > 0 ? [`${name} answered ${refused} requests with 400 or above.`] : []),
    ...(timedOut > 0 ? [`${name} let ${timedOut} requests wait for seconds.`] : []),
    ...(redisBytesPerLink === undefined
      ? []
      : [`${name}: each takes ${redisBytesPerLink.toFixed(0)} bytes of Redis, all told.`]),
    ...(isDoubtful
      ? [
          `${name}: the load generator was ${lateP99.toFixed(2)} ms late at p99 and busy for ${(busyShare * 100).toFixed(0)} % of the time, so these latencies may be its own.`,
        ]
      : []),
  ]
}
