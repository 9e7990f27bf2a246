import { ratiosOf, type Spread, spreadOf } from "../lib/numbers.ts"
import type { Measured } from "../measure/contest.ts"
import type { Round } from "../measure/duel.ts"

/**
 * The first server beside another, round by round. More is better for the first, but for `p99`, which is of the rounds of latency. `cpu`
 * is of CPU time a request, inverted; `rate` of requests per second, and null where something else than the two servers was the limit.
 */
export type Comparison = { with: string; cpu: Spread; rate: Spread | null; p99: Spread }

/** Where a server uses less of its core, something else is the limit. */
export const BUSY = 0.9

export function compare(first: Measured, other: Measured): Comparison {
  const [own, others] = [other.besideRounds, other.rounds]
  const isSaturated = [own, others].every((rounds) => spreadOf(each(rounds, "coreUse")).median >= BUSY)
  const p99s = ({ latencies }: Measured) => latencies.map(({ p99 }) => p99)
  return {
    with: other.name,
    cpu: ratiosOf(each(others, "cpuMicroseconds"), each(own, "cpuMicroseconds")),
    rate: isSaturated ? ratiosOf(each(own, "requestsPerSecond"), each(others, "requestsPerSecond")) : null,
    p99: ratiosOf(p99s(first), p99s(other)),
  }
}

function each(rounds: Round[], field: "requestsPerSecond" | "cpuMicroseconds" | "coreUse"): number[] {
  return rounds.map((round) => round[field])
}
