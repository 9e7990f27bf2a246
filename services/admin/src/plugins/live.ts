import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { Gauge, type Registry } from "prom-client"
import { createLiveFeed } from "../live/live-feed.ts"
import { createLiveStream, type LiveStream } from "../live/live-stream.ts"
import { Problem } from "../problem.ts"
import { connectRedis } from "../redis.ts"

declare module "fastify" {
  interface FastifyInstance {
    /** The visits of a workspace, or of one of its links, as they are stored. Throws a 503 problem when there can be no more streams. */
    openLive(workspaceId: string, linkId: string | null): Promise<LiveStream>
  }
}

const HEARTBEAT_MS = 15_000
/** Of visits that wait for one reader. */
const VISITS_MAX = 1_000

type Options = { url: string; streamsMax: number; lastsMs: number; registry: Registry }

/** Closing ends every stream, before it waits for requests. */
export const live = fp(async (app: FastifyInstance, { url, streamsMax, lastsMs, registry }: Options) => {
  const redis = connectRedis(url, app.log, { name: "live", commandTimeout: 2_000 })
  const feed = createLiveFeed(redis, app.log, HEARTBEAT_MS)
  const streams = new Set<LiveStream>()
  let isClosing = false
  new Gauge({
    name: "qiao_admin_live_streams",
    help: "Live streams under way",
    registers: [registry],
    collect() {
      this.set(streams.size)
    },
  })
  app.addHook("preClose", async () => {
    isClosing = true
    for (const stream of streams) stream.end("shutdown")
  })
  app.addHook("onClose", async () => feed.close())

  app.decorate("openLive", async (workspaceId: string, linkId: string | null) => {
    if (streams.size >= streamsMax) throw tooMany(streamsMax)
    let leave = () => {}
    const stream = createLiveStream({
      ...{ linkId, heartbeatMs: HEARTBEAT_MS, lastsMs, visitsMax: VISITS_MAX },
      onDestroyed() {
        leave()
        streams.delete(stream)
      },
    })
    streams.add(stream)
    try {
      leave = await feed.listen(workspaceId, {
        onMessage: stream.add,
        onLost: () => stream.end("feed_lost"),
      })
    } catch {
      stream.body.destroy()
      throw unavailable()
    }
    if (isClosing) stream.end("shutdown")
    return stream
  })
})

function tooMany(max: number): Problem {
  const headers = { "retry-after": "30" }
  return new Problem(503, "too_many_streams", `This server has ${max} live streams already.`, { headers })
}

function unavailable(): Problem {
  const detail = "Live visits come through Redis, which cannot be reached."
  return new Problem(503, "redis_unavailable", detail, { headers: { "retry-after": "5" } })
}
