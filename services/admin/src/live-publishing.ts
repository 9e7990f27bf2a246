import { LIVE_PREFIX, liveChannel } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import { LIVE_VISITS_MAX, type LiveMessage, type LiveVisit } from "./live-visit.ts"
import type { VisitRow } from "./visit-rows.ts"

/** How often it is asked who listens. */
const ASK_MS = 1_000

export type LivePublisher = {
  /** Tells of stored visits whoever listens to their workspace. Never throws: what is not told is stored all the same. */
  tell(rows: VisitRow[]): Promise<void>
}

export function createLivePublisher(redis: Redis): LivePublisher {
  let listeners: ReadonlySet<string> = new Set()
  let askedAt = Number.NEGATIVE_INFINITY
  const ask = async () => {
    if (performance.now() - askedAt < ASK_MS) return
    askedAt = performance.now()
    listeners = new Set((await redis.pubsub("CHANNELS", `${LIVE_PREFIX}*`)) as string[])
  }
  return {
    async tell(rows) {
      try {
        await ask()
        if (listeners.size === 0) return
        for (const [channel, message] of messagesOf(rows, listeners)) {
          await redis.publish(channel, JSON.stringify(message))
        }
      } catch {
        // A connection that is lost is noticed by the next read.
      }
    },
  }
}

/** One for each workspace that is listened to, with the newest of its visits. */
function messagesOf(rows: VisitRow[], listeners: ReadonlySet<string>): Map<string, LiveMessage> {
  const byChannel = new Map<string, VisitRow[]>()
  for (const row of rows) {
    if (row.quarter.link === undefined) continue
    const channel = liveChannel(row.quarter.link.workspaceId)
    if (!listeners.has(channel)) continue
    const known = byChannel.get(channel)
    if (known === undefined) byChannel.set(channel, [row])
    else known.push(row)
  }
  return new Map(
    [...byChannel].map(([channel, visits]) => {
      const told = visits.slice(-LIVE_VISITS_MAX)
      return [channel, { visits: told.map(liveVisitOf), omitted: visits.length - told.length }]
    }),
  )
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
