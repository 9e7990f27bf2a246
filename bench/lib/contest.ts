import { PlainError } from "../../scripts/lib/plain-error.ts"
import type { Books } from "./accounting.ts"
import { applyLoad, type LoadResult } from "./load.ts"
import { type Spread, spreadOf } from "./numbers.ts"
import { applyOpenLoad, type OpenLoadResult } from "./open-loop.ts"
import { cpuOfFamily, memoryOfFamily } from "./process-use.ts"
import type { Server } from "./server.ts"
import type { Traffic } from "./traffic.ts"

/*
 * Servers measured in turns, so that the machine's noise hits all alike: a warm-up each, rounds of as much load as they take, then rounds
 * of latency at half of that. Each round begins with some load that is not measured.
 */
export type Contestant = {
  name: string
  server: Server
  traffic: Traffic
  /** Of an edge. */
  books?: Books
  /**
   * Its cache needs longer to be as it would be under this load all the time: entries expire by the clock, and go on to do so while the
   * other servers are measured.
   */
  runsInLong?: boolean
  /** After each of its rounds. */
  afterRound?: () => Promise<void>
}

export type Settings = {
  connections: number
  warmUpSeconds: number
  runInSeconds: number
  longRunInSeconds: number
  rounds: number
  seconds: number
  latencyRounds: number
  latencySeconds: number
}

/**
 * `coreUse` is the share of one core that the server used: far below 1 something else was the limit, and the rate is not its own.
 * `refused` are answers of 400 and above, `timedOut` requests that waited for seconds, `results` an edge's answers by what they were.
 */
export type Round = {
  requestsPerSecond: number
  cpuMicroseconds: number
  coreUse: number
  refused: number
  timedOut: number
  redisCommandsPerThousand?: number
  results?: Record<string, number>
}

/** Milliseconds, at this rate. */
export type Latency = Record<"p50" | "p99" | "p999" | "lateP99" | "busyShare", Spread> & {
  requestsPerSecond: number
}

export type Measured = { name: string; rounds: Round[]; memoryMb: number; latency: Latency }

/** More than the generator can time well. */
const OPEN_LOAD_MAX = 15_000

type Entry = { contestant: Contestant; rounds: Round[]; latencies: OpenLoadResult[]; memoryMb: number }

export async function measureAll(contestants: Contestant[], settings: Settings): Promise<Measured[]> {
  const entries = contestants.map((contestant): Entry => {
    return { contestant, rounds: [], latencies: [], memoryMb: Number.NaN }
  })
  for (const { contestant } of entries) await load(contestant, settings, settings.warmUpSeconds)
  for (let round = 0; round < settings.rounds; round++) {
    for (const entry of entries) {
      entry.rounds.push(await measureRound(entry.contestant, settings))
      entry.memoryMb = memoryOfFamily(entry.contestant.server.pid)
    }
  }
  for (let round = 0; round < settings.latencyRounds; round++) {
    for (const entry of entries) entry.latencies.push(await measureLatency(entry, settings))
  }
  return entries.map(measured)
}

async function load(contestant: Contestant, settings: Settings, seconds: number): Promise<LoadResult> {
  const { name, server, traffic } = contestant
  const result = await applyLoad({ port: server.port, traffic, connections: settings.connections, seconds })
  if (result.failed === 0) return result
  throw new PlainError(
    `${name}: ${result.failed} requests lost their connection\n${await server.lastWords()}`,
  )
}

async function runIn(contestant: Contestant, settings: Settings): Promise<void> {
  await load(contestant, settings, contestant.runsInLong ? settings.longRunInSeconds : settings.runInSeconds)
}

async function measureRound(contestant: Contestant, settings: Settings): Promise<Round> {
  const { server, books, afterRound } = contestant
  await runIn(contestant, settings)
  const close = await books?.open()
  const cpuBefore = cpuOfFamily(server.pid)
  const { requests, seconds, refused, timedOut } = await load(contestant, settings, settings.seconds)
  const cpu = cpuOfFamily(server.pid) - cpuBefore
  const account = await close?.(requests, settings.connections)
  await afterRound?.()
  return {
    requestsPerSecond: requests / seconds,
    cpuMicroseconds: cpu / requests,
    coreUse: cpu / seconds / 1e6,
    refused,
    timedOut,
    ...(account && {
      redisCommandsPerThousand: (account.redisCommands / requests) * 1_000,
      results: account.results,
    }),
  }
}

async function measureLatency({ contestant, rounds }: Entry, settings: Settings): Promise<OpenLoadResult> {
  const { server, traffic, books, afterRound } = contestant
  await runIn(contestant, settings)
  const close = await books?.open()
  const result = await applyOpenLoad({
    ...{ port: server.port, traffic, connections: settings.connections },
    ...{ requestsPerSecond: halfOfMaximum(rounds), seconds: settings.latencySeconds },
  })
  const answers = Object.values(result.answers).reduce((sum, count) => sum + count, 0)
  await close?.(answers, 0)
  await afterRound?.()
  return result
}

export function halfOfMaximum(rounds: Round[]): number {
  const { median } = spreadOf(rounds.map(({ requestsPerSecond }) => requestsPerSecond))
  return Math.min(OPEN_LOAD_MAX, Math.floor(median / 2))
}

function measured({ contestant, rounds, latencies, memoryMb }: Entry): Measured {
  const spread = (of: (latency: OpenLoadResult) => number) => spreadOf(latencies.map(of))
  return {
    name: contestant.name,
    rounds,
    memoryMb,
    latency: {
      requestsPerSecond: halfOfMaximum(rounds),
      p50: spread(({ p50 }) => p50),
      p99: spread(({ p99 }) => p99),
      p999: spread(({ p999 }) => p999),
      lateP99: spread(({ lateP99 }) => lateP99),
      busyShare: spread(({ busyShare }) => busyShare),
    },
  }
}
