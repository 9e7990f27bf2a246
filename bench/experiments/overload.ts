import { type Bench, withBench } from "../lib/bench.ts"
import { applyLoad } from "../lib/load.ts"
import { startNullServer } from "../lib/null-servers.ts"
import { type Spread, spreadOf } from "../lib/numbers.ts"
import { requireOpenFiles } from "../lib/open-files.ts"
import { cpuOfFamily } from "../lib/process-use.ts"
import { takeVisits } from "../lib/redis-use.ts"
import { startSeededEdge } from "../lib/seeded-edge.ts"
import type { Server } from "../lib/server.ts"
import type { Traffic } from "../lib/traffic.ts"
import { watchServer } from "../lib/watch.ts"
import { zipfTraffic } from "../lib/zipf-traffic.ts"

/*
 * What is left of a server's rate when far more connections are open than it can serve at once: an edge and a bare Fastify in turns, each
 * asked as fast as it answers.
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
 * requests without an answer, or with one after seconds. Of an edge: how long `/healthz/ready` and `/metrics` took, in milliseconds.
 */
export type Level = {
  connections: number
  goodput: Spread
  share: number
  cpuMicroseconds: Spread
  refused: number
  lost: number
  peakMemoryMb: number
  ops: { p50: number; max: number } | null
}

type Round = Pick<Level, "refused" | "lost" | "peakMemoryMb" | "ops"> & {
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
    for (const [level, connections] of CONNECTIONS.entries()) {
      for (let round = 0; round < rounds; round++) {
        for (const entry of entries) {
          entry.rounds[level] ??= []
          entry.rounds[level].push(await measureRound(entry, traffic, connections, seconds))
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
  { server, opsPort }: Entry,
  traffic: Traffic,
  connections: number,
  seconds: number,
): Promise<Round> {
  const { port, pid } = server
  await applyLoad({ port, traffic, connections, seconds: RUN_IN_SECONDS })
  const watch = watchServer(pid, opsPort)
  const cpuBefore = cpuOfFamily(pid)
  const load = await applyLoad({ port, traffic, connections, seconds })
  const good = load.requests - load.refused
  const cpuMicroseconds = (cpuOfFamily(pid) - cpuBefore) / good
  const { refused, timedOut, failed } = load
  return {
    ...{ goodput: good / load.seconds, cpuMicroseconds, refused, lost: timedOut + failed },
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
    ops:
      ops.length === 0
        ? null
        : { p50: spreadOf(ops.map(({ p50 }) => p50)).median, max: Math.max(...ops.map(({ max }) => max)) },
  }
}
