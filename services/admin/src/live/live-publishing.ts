import { LIVE_PREFIX, liveChannel } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { VisitRow } from "../ingest/visit-rows.ts"
import { LIVE_VISITS_MAX, type LiveMessage, type LiveVisit } from "./live-visit.ts"

/** How often it is asked who listens. */
const ASK_MS = 1_000

/** Visits that are about to be stored. */
export type LiveVisits = {
  add(row: VisitRow): void
  /** Once they are stored. Never throws: what is not told is stored all the same. */
  tell(): Promise<void>
}

/** Gathers visits for those who listen to their workspaces. */
export type LivePublisher = () => Promise<LiveVisits>

export function createLivePublisher(redis: Redis): LivePublisher {
  let listeners: ReadonlySet<string> = new Set()
  let askedAt = Number.NEGATIVE_INFINITY
  const ask = async () => {
    if (performance.now() - askedAt < ASK_MS) return
    askedAt = performance.now()
    listeners = new Set((await redis.pubsub("CHANNELS", `${LIVE_PREFIX}*`)) as string[])
  }
  return async () => {
    // A connection that is lost is noticed by the next read.
    await ask().catch(() => {})
    return gatherFor(redis, listeners)
  }
}

function gatherFor(redis: Redis, listeners: ReadonlySet<string>): LiveVisits {
  const channels = new Map<string, { newest: VisitRow[]; visits: number }>()
  return {
    add(row) {
      if (listeners.size === 0 || row.quarter.link === undefined) return
      const channel = liveChannel(row.quarter.link.workspaceId)
      if (!listeners.has(channel)) return
      const known = channels.get(channel) ?? { newest: [], visits: 0 }
      channels.set(channel, known)
      known.visits++
      known.newest.push(row)
      if (known.newest.length > LIVE_VISITS_MAX) known.newest.shift()
    },
    async tell() {
      for (const [channel, { newest, visits }] of channels) {
        const message: LiveMessage = { visits: newest.map(liveVisitOf), omitted: visits - newest.length }
        await redis.publish(channel, JSON.stringify(message)).catch(() => 0)
      }
    },
  }
}

function liveVisitOf({ visit, atMs, place }: VisitRow): LiveVisit {
  const { linkId, outcome, automated, synthetic, language, referrer, rule, variant } = visit
  const { platform, os, device, browser } = visit.visitor
  const { country, region, city } = place
  return {
    ...{ at: new Date(atMs).toISOString(), linkId, decision: outcome, automated, synthetic },
    ...{ platform, os, device, browser, language, referrer, country, region, city, rule, variant },
  }
}
