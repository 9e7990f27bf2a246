import type { Measured } from "../lib/contest.ts"
import { ratiosOf, type Spread, spreadOf } from "../lib/numbers.ts"

/**
 * The first server beside another, round by round; more is better for the first, but for `p99`. `cpu` is of CPU time a request, inverted;
 * `rate` of requests per second, and null where something else than the two servers was the limit.
 */
export type Comparison = { with: string; cpu: Spread; rate: Spread | null; p99: number }

/** Where a server uses less of its core, something else is the limit. */
const BUSY = 0.9

export function compare(first: Measured, other: Measured): Comparison {
  const each = (measured: Measured, field: "requestsPerSecond" | "cpuMicroseconds" | "coreUse") =>
    measured.rounds.map((round) => round[field])
  const isLimit = [first, other].every((measured) => spreadOf(each(measured, "coreUse")).median >= BUSY)
  return {
    with: other.name,
    cpu: ratiosOf(each(other, "cpuMicroseconds"), each(first, "cpuMicroseconds")),
    rate: isLimit ? ratiosOf(each(first, "requestsPerSecond"), each(other, "requestsPerSecond")) : null,
    p99: first.latency.p99.median / other.latency.p99.median,
  }
}
