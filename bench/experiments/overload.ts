import { type Bench, withBench } from "../lib/bench.ts"
import { rotated, type Spread, spreadOf } from "../lib/numbers.ts"
import { requireOpenFiles } from "../lib/open-files.ts"
import { applyLoad, type TimedLoad } from "../load/load.ts"
import { zipfTraffic } from "../load/zipf-traffic.ts"
import { cpuOfFamily } from "../measure/process-use.ts"
import { takeVisits } from "../measure/redis-use.ts"
import { type Watched, watchServer } from "../measure/watch.ts"
import { startNullServer } from "../servers/null-servers.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Server } from "../servers/server.ts"

/*
 * What is left of a server's rate when far more connections are open than it can serve at once: an edge and a bare Fastify in turns,
 * each asked as fast as it answers. A round goes through all levels, so that a slow minute of the machine hits no level alone.
 */
const CONNECTIONS = [64, 256, 1_024, 2_500, 5_000]
const LINKS = 100_000
/** Connections open in it, and caches fill. */
const RUN_IN_SECONDS = 3
/** Of a server and its load generator, beside connections. */
const OTHER_FILES = 200

/** By number of connections. */
export type Overload = { name: string; levels: Level[] }

/**
 * `goodput` are answers below 400 a second, `share` the part of the server's best level; `refused` are answers of 400 and above, `lost`
 * requests without an answer, or with one after seconds. Of an edge: how long `/healthz/ready` and `/metrics` took, in milliseconds, and
 * how often they failed.
 */
export type Level = Watched & {
  connections: number
  goodput: Spread
  share: number
  cpuMicroseconds: Spread
  refused: number
  lost: number
}

type Round = Watched & {
  refused: number
  lost: number
  goodput: number
  cpuMicroseconds: number
}

type Entry = { server: Server; opsPort: number | null; afterRound: () => Promise<unknown>; rounds: Round[][] }

export function measureOverload({
  rounds,
  seconds,
}: {
  rounds: number
  seconds: number
}): Promise<Overload[]> {
  requireOpenFiles(Math.max(...CONNECTIONS) + OTHER_FILES)
  return withBench(async (bench) => {
    const traffic = await zipfTraffic(bench, LINKS)
    const entries = await startServers(bench)
    for (let round = 0; round < rounds; round++) {
      for (const [level, connections] of CONNECTIONS.entries()) {
        for (const entry of rotated(entries, round)) {
          const load = { port: entry.server.port, traffic, connections, seconds }
          entry.rounds[level] ??= []
          entry.rounds[level].push(await measureRound(bench, entry, load))
          await entry.afterRound()
        }
      }
    }
    return entries.map(overloadOf)
  })
}

async function startServers(bench: Bench): Promise<Entry[]> {
  const { edge, redis } = await startSeededEdge(bench, { links: LINKS })
  const bare = await startNullServer(bench, "bare Fastify")
  return [
    { server: edge, opsPort: edge.opsPort, afterRound: () => takeVisits(redis), rounds: [] },
    { server: bare, opsPort: null, afterRound: async () => {}, rounds: [] },
  ]
}

async function measureRound(
  { signal }: Bench,
  { server: { pid }, opsPort }: Entry,
  load: TimedLoad,
): Promise<Round> {
  await applyLoad({ ...load, seconds: RUN_IN_SECONDS }, signal)
  const watch = watchServer(pid, opsPort, signal)
  const cpuBefore = cpuOfFamily(pid)
  const { requests, seconds, refused, timedOut, failed } = await applyLoad(load, signal)
  const good = requests - refused
  const cpuMicroseconds = (cpuOfFamily(pid) - cpuBefore) / good
  return {
    ...{ goodput: good / seconds, cpuMicroseconds, refused, lost: timedOut + failed },
    ...(await watch.stop()),
  }
}

function overloadOf({ server, rounds }: Entry): Overload {
  const levels = rounds.map((each, level) => levelOf(CONNECTIONS[level] ?? 0, each))
  const best = Math.max(...levels.map(({ goodput }) => goodput.median))
  return {
    name: server.name,
    levels: levels.map((level) => ({ ...level, share: level.goodput.median / best })),
  }
}

function levelOf(connections: number, rounds: Round[]): Omit<Level, "share"> {
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0)
  const ops = rounds.flatMap((round) => round.ops ?? [])
  return {
    connections,
    goodput: spreadOf(rounds.map(({ goodput }) => goodput)),
    cpuMicroseconds: spreadOf(rounds.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    refused: sum(({ refused }) => refused),
    lost: sum(({ lost }) => lost),
    peakMemoryMb: Math.max(...rounds.map(({ peakMemoryMb }) => peakMemoryMb)),
    opsFailures: sum(({ opsFailures }) => opsFailures),
    ops:
      ops.length === 0
        ? null
        : { p50: spreadOf(ops.map(({ p50 }) => p50)).median, max: Math.max(...ops.map(({ max }) => max)) },
  }
}
