import { setTimeout as last } from "node:timers/promises"
import type { Random } from "../../../packages/core/test/support/random.ts"
import type { Loss } from "./click-checker.ts"
import { cutInSending, endSessions, killEdge, losePostgres, loseRedis, pauseRedis } from "./click-faults.ts"
import type { Member } from "./member.ts"
import type { Testbed } from "./testbed.ts"

/*
 * Faults at random, without regard to what state anything is in: outages of stores and connections after one another, and beside them
 * deaths of processes after one another, each for a random while.
 */

export type Strikes = { told: string[]; losses: Loss[] }

type Options = {
  random: Random
  untilMs: number
  /** The longest that a store is away. */
  outageMaxMs: number
  /** What the death of an edge may cost. */
  lossWindowMs: number
}

type Strike = { name: string; run(ms: number): Promise<unknown> }

/** Strikes until the time is over; everything runs again when it resolves. */
export async function strikeAtRandom(bed: Testbed, options: Options): Promise<Strikes> {
  const { random, untilMs, outageMaxMs, lossWindowMs } = options
  const told: string[] = []
  const losses: Loss[] = []
  const strikeIn = async (strikes: readonly [Strike, ...Strike[]]) => {
    while (Date.now() < untilMs) {
      const strike = random.pick(strikes)
      const ms = Math.ceil(random.next() ** 2 * outageMaxMs)
      told.push(strike.name)
      await strike.run(ms)
      await last(random.below(1_000))
    }
  }
  const killAnEdge = async () => {
    losses.push(await killEdge(random.pick(bed.edges), lossWindowMs, { waitsReady: false }))
  }
  await Promise.all([
    strikeIn(outages(bed, random)),
    strikeIn([{ name: "edge killed", run: killAnEdge }, ...deaths(bed, random)]),
  ])
  for (const { process } of [...bed.edges, ...bed.ingests]) await process.waitReady()
  return { told, losses }
}

function outages(bed: Testbed, random: Random): [Strike, ...Strike[]] {
  const { store, postgres, edges, ingests } = bed
  const strikes: [Strike, ...Strike[]] = [
    { name: "an edge's Redis cut off", run: (ms) => loseRedis([random.pick(edges)], ms) },
    { name: "ingest's Redis cut off", run: (ms) => loseRedis(ingests, ms) },
    { name: "Postgres cut off", run: (ms) => losePostgres(bed, ms) },
    { name: "Postgres sessions ended", run: () => endSessions(bed) },
    { name: "an edge's connection broken", run: () => cutInSending(random.pick(edges), random) },
  ]
  if (store.isOurs) {
    strikes.push({ name: "Redis paused", run: (ms) => pauseRedis(bed, ms) })
    strikes.push({ name: "Redis restarted", run: () => store.restart() })
  }
  if (postgres !== undefined) {
    const restart = async (signal: "SIGINT" | "SIGQUIT", ms: number) => {
      await postgres.stop(signal)
      await last(ms)
      await postgres.start()
    }
    strikes.push({ name: "Postgres stopped", run: (ms) => restart("SIGINT", ms) })
    strikes.push({ name: "Postgres crashed", run: (ms) => restart("SIGQUIT", ms) })
  }
  return strikes
}

function deaths({ edges, ingests }: Testbed, random: Random): Strike[] {
  const restart = async (member: Member) => {
    await member.stop()
    await member.start({ waitsReady: false })
  }
  const killIngest = async () => {
    const ingest = random.pick(ingests)
    await ingest.kill9()
    await ingest.start({ waitsReady: false })
  }
  /** It comes back with a mind of its own about what it owns. */
  const holdIngest = async (ms: number) => {
    const { process, toPostgres } = random.pick(ingests)
    process.pause()
    toPostgres.cut()
    await last(ms)
    process.resume()
  }
  return [
    { name: "edge stopped", run: () => restart(random.pick(edges)) },
    { name: "ingest stopped", run: () => restart(random.pick(ingests)) },
    { name: "ingest killed", run: killIngest },
    { name: "ingest held and cut off", run: holdIngest },
  ]
}
