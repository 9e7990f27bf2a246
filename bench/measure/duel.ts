import { holdLoad, type LoadResult } from "../load/load.ts"
import type { Closing } from "./accounting.ts"
import { type Contestant, requireAnswered } from "./contestant.ts"
import { cpuOfFamily } from "./process-use.ts"

/*
 * One round of two servers, each with a load generator of its own, of which one is held while the other is let go. Turns are far shorter
 * than the times over which the machine changes its pace, so both have the same of it; and neither server rests for long enough to lose
 * what it has warmed up.
 */

/**
 * `coreUse` is the share of one core that the server used while it was asked: far below 1 something else was the limit, and the rate is not
 * its own. It is above 1 where the server had more to do afterwards. `refused` are answers of 400 and above, `timedOut` requests that waited
 * for seconds, `results` an edge's answers by what they were.
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

/** `seconds` are for each of the two. The signal ends it. */
export type DuelSettings = { connections: number; seconds: number; signal: AbortSignal }

const TURN_SECONDS = 0.2

export async function duel(
  [one, other]: [Contestant, Contestant],
  settings: DuelSettings,
): Promise<[Round, Round]> {
  const [close, otherClose] = [await one.books?.open(), await other.books?.open()]
  const [first, second] = [await prepare(one, settings), await prepare(other, settings)]
  for (let turn = 0; turn < settings.seconds / TURN_SECONDS; turn++) {
    await first.letGo(TURN_SECONDS)
    await second.letGo(TURN_SECONDS)
  }
  const [use, otherUse] = [await first.end(), await second.end()]
  return [await roundOf(one, use, settings, close), await roundOf(other, otherUse, settings, otherClose)]
}

type Use = { load: LoadResult; cpuMicroseconds: number }

/** CPU time counts from here to the end, turns of the other included: a server works on for a moment after its own. */
async function prepare({ server, traffic }: Contestant, { connections, signal }: DuelSettings) {
  const cpuBefore = cpuOfFamily(server.pid)
  const { letGo, end } = await holdLoad({ port: server.port, traffic, connections }, signal)
  return {
    letGo,
    async end(): Promise<Use> {
      const load = await end()
      return { load, cpuMicroseconds: cpuOfFamily(server.pid) - cpuBefore }
    },
  }
}

async function roundOf(
  contestant: Contestant,
  { load, cpuMicroseconds }: Use,
  { connections }: DuelSettings,
  close: Closing | undefined,
): Promise<Round> {
  await requireAnswered(contestant, load)
  const { requests, seconds, refused, timedOut } = load
  const account = await close?.(requests, connections)
  await contestant.afterRound?.()
  return {
    requestsPerSecond: requests / seconds,
    cpuMicroseconds: cpuMicroseconds / requests,
    coreUse: cpuMicroseconds / seconds / 1e6,
    refused,
    timedOut,
    ...(account && {
      redisCommandsPerThousand: (account.redisCommands / requests) * 1_000,
      results: account.results,
    }),
  }
}
