import { CAP_USED, capKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import { Problem } from "../problem.ts"

/** How many of a link's `maxClicks` are used up, as the edges count it; null while the publisher has not made the counter. */
export async function usedClicks(redis: Redis, linkId: string): Promise<number | null> {
  try {
    const used = await redis.hget(capKey(linkId), CAP_USED)
    return used === null ? null : Number(used)
  } catch {
    const detail = "How many of maxClicks are used up is in Redis, which cannot be reached."
    throw new Problem(503, "redis_unavailable", detail, { headers: { "retry-after": "5" } })
  }
}
