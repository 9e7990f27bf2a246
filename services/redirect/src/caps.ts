import { CAP_USED, capKey } from "@qiao/core/keys.ts"
import type { LinkRecord } from "@qiao/core/record.ts"
import type { Redis } from "ioredis"
import type { Waits } from "./waits.ts"

/** `unavailable`: nobody can say what is left, and the link is to be closed then. */
export type Reservation = "granted" | "exhausted" | "unavailable"

export type CappedLink = Pick<LinkRecord, "id" | "capWhenUnavailable">

export type Caps = {
  /** Uses up one of a link's `maxClicks`. Never rejects. */
  reserve(link: CappedLink, max: number): Promise<Reservation>
  /** The same answer without using one up. Never rejects. */
  look(link: CappedLink, max: number): Promise<Reservation>
  /** Answers; `open` and `closed` are those where nobody could say, `missing` of these because there was no counter. */
  readonly counters: Readonly<CapCounters>
}

export type CapCounters = {
  granted: number
  exhausted: number
  open: number
  closed: number
  missing: number
}

/**
 * One step in Redis, so that all edges together never give away more than `max`. It makes no counter: a Redis that lost it does not know
 * what was given away. It is never sent twice, and an answer that is lost wastes one.
 */
const RESERVE = `
local used = redis.call("HGET", KEYS[1], "${CAP_USED}")
if not used then return -1 end
if tonumber(used) >= tonumber(ARGV[1]) then return 0 end
redis.call("HINCRBY", KEYS[1], "${CAP_USED}", 1)
return 1`

type Finding = "granted" | "exhausted" | "missing" | "unknown"

export function createCaps(redis: Pick<Redis, "eval" | "hget">, waits: Waits): Caps {
  const counters: CapCounters = { granted: 0, exhausted: 0, open: 0, closed: 0, missing: 0 }

  async function find(question: () => Promise<Finding>): Promise<Finding> {
    if (waits.isFull) return "unknown"
    waits.enter()
    try {
      return await waits.withDeadline(question())
    } catch {
      return "unknown"
    } finally {
      waits.leave(1)
    }
  }

  async function answer(link: CappedLink, question: () => Promise<Finding>): Promise<Reservation> {
    const finding = await find(question)
    if (finding === "granted" || finding === "exhausted") {
      counters[finding]++
      return finding
    }
    if (finding === "missing") counters.missing++
    counters[link.capWhenUnavailable]++
    return link.capWhenUnavailable === "open" ? "granted" : "unavailable"
  }

  return {
    reserve(link, max) {
      return answer(link, async () => {
        const given = await redis.eval(RESERVE, 1, capKey(link.id), max)
        return given === 1 ? "granted" : given === 0 ? "exhausted" : "missing"
      })
    },
    look(link, max) {
      return answer(link, async () => {
        const used = await redis.hget(capKey(link.id), CAP_USED)
        return used === null ? "missing" : Number(used) < max ? "granted" : "exhausted"
      })
    },
    counters,
  }
}
