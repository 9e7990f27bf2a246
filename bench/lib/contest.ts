import { PlainError } from "../../scripts/lib/plain-error.ts"
import type { Books } from "./accounting.ts"
import { applyLoad, type LoadResult } from "./load.ts"
import { rotated, spreadOf } from "./numbers.ts"
import { applyOpenLoad, type OpenLoadResult } from "./open-loop.ts"
import { cpuOfFamily, memoryOfFamily } from "./process-use.ts"
import { type Expected, requireRightAnswers, requireRightLoad } from "./right-answers.ts"
import type { Server } from "./server.ts"
import type { Traffic } from "./traffic.ts"

/*
 * Servers measured in turns, so that the machine's noise hits all alike: a warm-up each, rounds of as much load as they take, then rounds
 * of latency at half of that. Rounds are many and short, as the machine changes its pace within minutes. Each begins with another server,
 * and each turn in it with some load that is not measured.
 */
export type Contestant = Expected & {
  name: string
  server: Server
  traffic: Traffic
  /** Of an edge. */
  books?: Books
  /**
   * Its cache needs longer to be as it would be under this load all the time: entries expire by the clock, and go on to do so while the
   * other servers are measured.
   */
  hasLongRunIn?: boolean
  /** What a link took of Redis, where that is to be told. */
  redisBytesPerLink?: number
  /** After each of its rounds. */
  afterRound?: () => Promise<void>
}

export type Settings = {
  connections: number
  warmUpSeconds: number
  runInSeconds: number
  longWarmUpSeconds: number
  longRunInSeconds: number
  rounds: number
  seconds: number
  latencyRounds: number
  latencySeconds: number
}

/** The signal ends its loads. */
type Conditions = Settings & { signal: AbortSignal }

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

/** Latencies are those at half of the maximum, a round each. */
export type Measured = {
  name: string
  rounds: Round[]
  latencies: OpenLoadResult[]
  memoryMb: number
  redisBytesPerLink?: number
}

/** More than the generator can time well. */
const OPEN_LOAD_MAX = 15_000

type Entry = Omit<Measured, "name"> & { contestant: Contestant }

export async function measureAll(contestants: Contestant[], conditions: Conditions): Promise<Measured[]> {
  const entries = contestants.map((contestant): Entry => {
    return { contestant, rounds: [], latencies: [], memoryMb: Number.NaN }
  })
  for (const { contestant } of entries) {
    const { warmUpSeconds, longWarmUpSeconds } = conditions
    await load(contestant, conditions, contestant.hasLongRunIn ? longWarmUpSeconds : warmUpSeconds)
  }
  for (let round = 0; round < conditions.rounds; round++) {
    for (const entry of rotated(entries, round)) {
      entry.rounds.push(await measureRound(entry.contestant, conditions))
      entry.memoryMb = memoryOfFamily(entry.contestant.server.pid)
    }
  }
  for (let round = 0; round < conditions.latencyRounds; round++) {
    for (const entry of rotated(entries, round)) entry.latencies.push(await measureLatency(entry, conditions))
  }
  return entries.map(measured)
}

async function load(contestant: Contestant, conditions: Conditions, seconds: number): Promise<LoadResult> {
  const { name, server, traffic } = contestant
  const { connections, signal } = conditions
  const result = await applyLoad({ port: server.port, traffic, connections, seconds }, signal)
  if (result.failed > 0) {
    const lost = `${name}: ${result.failed} requests lost their connection`
    throw new PlainError(`${lost}\n${await server.lastWords()}`)
  }
  requireRightLoad(name, result, contestant)
  return result
}

async function runIn(contestant: Contestant, conditions: Conditions): Promise<void> {
  const { runInSeconds, longRunInSeconds } = conditions
  await load(contestant, conditions, contestant.hasLongRunIn ? longRunInSeconds : runInSeconds)
}

async function measureRound(contestant: Contestant, conditions: Conditions): Promise<Round> {
  const { server, books, afterRound } = contestant
  await runIn(contestant, conditions)
  const close = await books?.open()
  const cpuBefore = cpuOfFamily(server.pid)
  const { requests, seconds, refused, timedOut } = await load(contestant, conditions, conditions.seconds)
  const cpu = cpuOfFamily(server.pid) - cpuBefore
  const account = await close?.(requests, conditions.connections)
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

async function measureLatency(
  { contestant, rounds }: Entry,
  conditions: Conditions,
): Promise<OpenLoadResult> {
  const { name, server, traffic, books, afterRound } = contestant
  await runIn(contestant, conditions)
  const close = await books?.open()
  const openLoad = {
    ...{ port: server.port, traffic, connections: conditions.connections },
    ...{ requestsPerSecond: halfOfMaximum(rounds), seconds: conditions.latencySeconds },
  }
  const result = await applyOpenLoad(openLoad, conditions.signal)
  requireRightAnswers(name, result.answers, contestant)
  const answers = Object.values(result.answers).reduce((sum, count) => sum + count, 0)
  await close?.(answers, 0)
  await afterRound?.()
  return result
}

export function halfOfMaximum(rounds: Round[]): number {
  const { median } = spreadOf(rounds.map(({ requestsPerSecond }) => requestsPerSecond))
  return Math.min(OPEN_LOAD_MAX, Math.floor(median / 2))
}

function measured({ contestant, ...measures }: Entry): Measured {
  const { name, redisBytesPerLink } = contestant
  return { name, ...measures, ...(redisBytesPerLink !== undefined && { redisBytesPerLink }) }
}
