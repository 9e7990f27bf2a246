import { capKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import { Problem } from "./problem.ts"

/** How many of a link's `maxClicks` are used up, as the edges count it. */
export async function usedClicks(redis: Redis, linkId: string): Promise<number> {
  try {
    return Number((await redis.get(capKey(linkId))) ?? 0)
  } catch {
    const detail = "How many of maxClicks are used up is in Redis, which cannot be reached."
    throw new Problem(503, "redis_unavailable", detail, { headers: { "retry-after": "5" } })
  }
}
