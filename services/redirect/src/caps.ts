import { capKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Waits } from "./waits.ts"

/** What is left of a link's `maxClicks`. `unavailable`: Redis cannot say, and none is given away. */
export type Reservation = "granted" | "exhausted" | "unavailable"

export type Caps = {
  /** Uses up one. Never rejects. */
  reserve(linkId: string, max: number): Promise<Reservation>
  /** The same answer without using one up. Never rejects. */
  look(linkId: string, max: number): Promise<Reservation>
  readonly counters: Readonly<{ granted: number; exhausted: number; unavailable: number }>
}

/** One step in Redis, so that all edges together never give away more than `max`. An answer that is lost wastes one. */
const RESERVE = `
if tonumber(redis.call("GET", KEYS[1]) or "0") >= tonumber(ARGV[1]) then return 0 end
redis.call("INCR", KEYS[1])
return 1`

export function createCaps(redis: Pick<Redis, "eval" | "get">, waits: Waits): Caps {
  const counters = { granted: 0, exhausted: 0, unavailable: 0 }
  const ask = async (question: () => Promise<boolean>): Promise<Reservation> => {
    if (waits.isFull) return settle("unavailable")
    waits.enter()
    try {
      return settle((await waits.withDeadline(question())) ? "granted" : "exhausted")
    } catch {
      return settle("unavailable")
    } finally {
      waits.leave(1)
    }
  }
  const settle = (reservation: Reservation): Reservation => {
    counters[reservation]++
    return reservation
  }
  return {
    reserve: (linkId, max) => ask(async () => (await redis.eval(RESERVE, 1, capKey(linkId), max)) === 1),
    look: (linkId, max) => ask(async () => Number((await redis.get(capKey(linkId))) ?? 0) < max),
    counters,
  }
}
