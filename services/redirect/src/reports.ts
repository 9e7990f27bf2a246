import { REPORTS_KEY } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Limit } from "./limits.ts"
import type { Waits } from "./waits.ts"

/** What a visitor says of a link. `at` is epoch milliseconds, `network` the client's network, never its address. */
export type Report = {
  id: string
  at: number
  host: string
  code: string
  linkId: string
  reason: string
  details: string
  language: string
  network: string
}

/** `limited`: too many of this client. `full`: nobody reads them, and more would fill Redis. `failed`: Redis did not take it. */
export type Reporting =
  | { kind: "stored" }
  | { kind: "limited" | "full" | "failed"; retryAfterSeconds: number }

export type Reports = {
  /** Never rejects. An answer that is lost may have stored it; whoever sends again has another id. */
  take(report: Report, client: string): Promise<Reporting>
  readonly counters: Readonly<Record<Reporting["kind"], number>>
}

/** In one step, so that all edges together never store more than the bound. */
const STORE = `
if redis.call("XLEN", KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call("XADD", KEYS[1], "*", unpack(ARGV, 2))
return 1`

const RETRY_SECONDS = { full: 60, failed: 1 } as const

/** Puts reports into their stream, from which they are brought into Postgres. */
export function createReports(options: {
  redis: Pick<Redis, "eval">
  waits: Waits
  perClient: Limit
  storedMax: number
}): Reports {
  const { redis, waits, perClient, storedMax } = options
  const counters = { stored: 0, limited: 0, full: 0, failed: 0 }

  const store = async (report: Report): Promise<"stored" | "full" | "failed"> => {
    if (waits.isFull) return "failed"
    waits.enter()
    try {
      const fields = Object.entries(report).flat()
      const isStored = await waits.withDeadline(redis.eval(STORE, 1, REPORTS_KEY, storedMax, ...fields))
      return isStored === 1 ? "stored" : "full"
    } catch {
      return "failed"
    } finally {
      waits.leave(1)
    }
  }

  const take = async (report: Report, client: string): Promise<Reporting> => {
    const waitSeconds = perClient.take(client)
    if (waitSeconds > 0) return { kind: "limited", retryAfterSeconds: waitSeconds }
    const kind = await store(report)
    if (kind === "stored") return { kind }
    perClient.giveBack(client)
    return { kind, retryAfterSeconds: RETRY_SECONDS[kind] }
  }

  return {
    async take(report, client) {
      const taken = await take(report, client)
      counters[taken.kind]++
      return taken
    },
    counters,
  }
}
