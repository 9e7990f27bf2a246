import type { Measured } from "../lib/contest.ts"
import { ratiosOf, type Spread, spreadOf } from "../lib/numbers.ts"

/**
 * The first server beside another, round by round. More is better for the first, but for `p99`, which is of the rounds of latency. `cpu`
 * is of CPU time a request, inverted; `rate` of requests per second, and null where something else than the two servers was the limit.
 */
export type Comparison = { with: string; cpu: Spread; rate: Spread | null; p99: Spread }

/** Where a server uses less of its core, something else is the limit. */
export const BUSY = 0.9

export function compare(first: Measured, other: Measured): Comparison {
  const each = (measured: Measured, field: "requestsPerSecond" | "cpuMicroseconds" | "coreUse") =>
    measured.rounds.map((round) => round[field])
  const isSaturated = [first, other].every((measured) => spreadOf(each(measured, "coreUse")).median >= BUSY)
  const p99s = ({ latencies }: Measured) => latencies.map(({ p99 }) => p99)
  return {
    with: other.name,
    cpu: ratiosOf(each(other, "cpuMicroseconds"), each(first, "cpuMicroseconds")),
    rate: isSaturated ? ratiosOf(each(first, "requestsPerSecond"), each(other, "requestsPerSecond")) : null,
    p99: ratiosOf(p99s(first), p99s(other)),
  }
}
