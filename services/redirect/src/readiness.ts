import { BUCKETS, markerKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Bans } from "./bans.ts"
import type { Changes } from "./changes.ts"

const CHECK_MS = 10

/*
 * cold ──changes heard, every bucket complete, bans known──► ready ──stop──► stopping
 *
 * Once ready, Redis may come and go: all edges leaving the balancer at once would be the outage.
 */
export type Readiness = { isReady(): boolean; stop(): void }

export function watchReadiness(
  redis: Pick<Redis, "get">,
  changes: Pick<Changes, "isLive">,
  bans: Pick<Bans, "isKnown">,
  now: () => number,
): Readiness {
  let state: "cold" | "ready" | "stopping" = "cold"
  let isChecking = false
  const timer = setInterval(check, CHECK_MS).unref()

  async function check() {
    if (isChecking || !changes.isLive(now()) || !bans.isKnown) return
    isChecking = true
    try {
      // A Redis that is being filled mostly lacks the first: no need to ask for all.
      if ((await redis.get(markerKey(0))) === null) return
      // One GET a bucket, since the buckets lie in different slots of a cluster.
      const markers = await Promise.all(
        Array.from({ length: BUCKETS }, (_, bucket) => redis.get(markerKey(bucket))),
      )
      if (state === "cold" && markers.every((marker) => marker !== null)) {
        state = "ready"
        clearInterval(timer)
      }
    } catch {
      // Not ready yet; asked again.
    } finally {
      isChecking = false
    }
  }

  return {
    isReady: () => state === "ready",
    stop() {
      state = "stopping"
      clearInterval(timer)
    },
  }
}
