import { PlainError } from "../../scripts/lib/plain-error.ts"
import { waitFor } from "../../scripts/lib/wait.ts"
import type { Edge } from "../servers/edge.ts"
import type { RedisServer } from "../servers/stores.ts"
import { byLabel, sumOf } from "./metrics.ts"
import { commandsOfServers, forgetVisits, takeVisits } from "./redis-use.ts"

/** What an edge did for one load: its answers by what they were, and the commands that its Redis got. */
export type Account = { results: Counts; redisCommands: number }

type Counts = Record<string, number>

/** Answers to nobody's visit of a link. */
const NO_VISITS = ["unavailable", "not_found", "limited"]

export type Books = ReturnType<typeof keepBooks>
export type Closing = Awaited<ReturnType<Books["open"]>>

/** Compares what a load generator counted with what the edge says and with what lies in the click streams. */
export function keepBooks(edge: Edge, redis: RedisServer) {
  /** Opens them before a load, and gives what closes them after it. */
  async function open() {
    const before = await settled(edge, {}, 0)
    const commandsBefore = await commandsOfServers(redis)
    await forgetVisits(redis)

    /** The load generator counts answers; when its time is over it may leave one request a connection uncounted. */
    return async (counted: number, uncountedMax: number): Promise<Account> => {
      const results = await settled(edge, before, counted)
      const redisCommands = (await commandsOfServers(redis)) - commandsBefore
      const answers = total(results)
      if (answers > counted + uncountedMax) {
        throw new PlainError(`${edge.name} says ${answers} answers, the load generator ${counted}`)
      }
      const expected = answers - total(results, NO_VISITS)
      const visits = await takeVisits(redis)
      if (visits !== expected) {
        throw new PlainError(
          `${edge.name} answered ${expected} visits, but ${visits} are in the click streams`,
        )
      }
      return { results, redisCommands }
    }
  }
  return { open }
}

/**
 * What was answered since, once it is so many at least, no more are under way, and every visit is sent, also those that were spilled. An
 * edge that is busy says again what it said before: its heartbeat's age tells a new report from an old one.
 */
async function settled(edge: Edge, before: Counts, answersMin: number): Promise<Counts> {
  let last = { answers: -1, ageSeconds: -1 }
  return waitFor(`${edge.name} to have answered ${answersMin} and sent its visits`, async () => {
    const samples = await edge.metrics()
    const since = subtract(byLabel(samples, "qiao_edge_requests_total", "result"), before)
    const now = { answers: total(since), ageSeconds: sumOf(samples, "qiao_edge_heartbeat_age_seconds") }
    const isSteady = now.answers === last.answers && now.ageSeconds !== last.ageSeconds
    const unsent = sumOf(samples, "qiao_edge_visits_waiting") + sumOf(samples, "qiao_edge_visits_spilled")
    last = now
    return isSteady && unsent === 0 && now.answers >= answersMin && since
  })
}

function subtract(after: Counts, before: Counts): Counts {
  const entries = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
  return Object.fromEntries(entries.filter(([, count]) => count !== 0))
}

function total(counts: Counts, names = Object.keys(counts)): number {
  return names.reduce((sum, name) => sum + (counts[name] ?? 0), 0)
}
