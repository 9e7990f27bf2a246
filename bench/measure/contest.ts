import { rotated, spreadOf } from "../lib/numbers.ts"
import { applyLoad } from "../load/load.ts"
import { applyOpenLoad, type OpenLoadResult } from "../load/open-loop.ts"
import { type Contestant, requireAnswered } from "./contestant.ts"
import { duel, type Round } from "./duel.ts"
import { memoryOfFamily } from "./process-use.ts"
import { requireRightAnswers } from "./right-answers.ts"

/*
 * The first of several servers is measured beside each of the others: duels with as much load as they take, then rounds of latency at half
 * of that, of one after another, each round beginning with another one.
 */
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

/** Latencies are those at half of the maximum, a round each, and how much that was. */
export type Measured = {
  name: string
  rounds: Round[]
  /** What the first server did in the same rounds; its own are all of these. */
  besideRounds: Round[]
  latencies: (OpenLoadResult & { requestsPerSecond: number })[]
  memoryMb: number
  redisBytesPerLink?: number
}

/** More than the generator can time well. */
const OPEN_LOAD_MAX = 15_000

type Entry = Omit<Measured, "name"> & { contestant: Contestant }

export async function measureAll(contestants: Contestant[], conditions: Conditions): Promise<Measured[]> {
  const entries = contestants.map((contestant): Entry => {
    return { contestant, rounds: [], besideRounds: [], latencies: [], memoryMb: Number.NaN }
  })
  const [first, ...others] = entries
  if (first?.contestant.hasLongRunIn) await load(first.contestant, conditions, conditions.longWarmUpSeconds)
  for (const other of others) if (first) await measureDuels(first, other, conditions)
  for (let round = 0; round < conditions.latencyRounds; round++) {
    for (const entry of rotated(entries, round)) entry.latencies.push(await measureLatency(entry, conditions))
  }
  return entries.map(measured)
}

/** The same servers, started several times. */
export function together(starts: Measured[][]): Measured[] {
  const [first = []] = starts
  return first.map((measured, i) => {
    const all = starts.flatMap((each) => each[i] ?? [])
    return {
      ...measured,
      rounds: all.flatMap(({ rounds }) => rounds),
      besideRounds: all.flatMap(({ besideRounds }) => besideRounds),
      latencies: all.flatMap(({ latencies }) => latencies),
      memoryMb: spreadOf(all.map(({ memoryMb }) => memoryMb)).median,
    }
  })
}

async function load(contestant: Contestant, conditions: Conditions, seconds: number): Promise<void> {
  const { server, traffic } = contestant
  const { connections, signal } = conditions
  const result = await applyLoad({ port: server.port, traffic, connections, seconds }, signal)
  await requireAnswered(contestant, result)
}

/** The warm-up is one too, and the next follows at once: who rests for some seconds is slower for long after them. */
async function measureDuels(first: Entry, other: Entry, conditions: Conditions): Promise<void> {
  const pair: [Contestant, Contestant] = [first.contestant, other.contestant]
  await duel(pair, { ...conditions, seconds: conditions.warmUpSeconds })
  for (let i = 0; i < conditions.rounds; i++) {
    const [round, otherRound] = await duel(pair, conditions)
    first.rounds.push(round)
    other.besideRounds.push(round)
    other.rounds.push(otherRound)
  }
  for (const entry of [first, other]) entry.memoryMb = memoryOfFamily(entry.contestant.server.pid)
}

async function runIn(contestant: Contestant, conditions: Conditions): Promise<void> {
  const { runInSeconds, longRunInSeconds } = conditions
  await load(contestant, conditions, contestant.hasLongRunIn ? longRunInSeconds : runInSeconds)
}

async function measureLatency(
  { contestant, rounds }: Entry,
  conditions: Conditions,
): Promise<Measured["latencies"][number]> {
  const { name, server, traffic, books, afterRound } = contestant
  await runIn(contestant, conditions)
  const close = await books?.open()
  const requestsPerSecond = halfOfMaximum(rounds)
  const openLoad = {
    ...{ port: server.port, traffic, connections: conditions.connections },
    ...{ requestsPerSecond, seconds: conditions.latencySeconds },
  }
  const result = await applyOpenLoad(openLoad, conditions.signal)
  requireRightAnswers(name, result.answers, contestant)
  const answers = Object.values(result.answers).reduce((sum, count) => sum + count, 0)
  await close?.(answers, 0)
  await afterRound?.()
  return { ...result, requestsPerSecond }
}

function halfOfMaximum(rounds: Round[]): number {
  const { median } = spreadOf(rounds.map(({ requestsPerSecond }) => requestsPerSecond))
  return Math.min(OPEN_LOAD_MAX, Math.floor(median / 2))
}

function measured({ contestant, ...measures }: Entry): Measured {
  const { name, redisBytesPerLink } = contestant
  return { name, ...measures, ...(redisBytesPerLink !== undefined && { redisBytesPerLink }) }
}
