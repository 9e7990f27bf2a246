import { withBench } from "../lib/bench.ts"
import { type Spread, spreadOf } from "../lib/numbers.ts"
import { startEdge } from "../servers/edge.ts"
import { startHeartbeat } from "../servers/heartbeat.ts"
import { seedLinks } from "../servers/links.ts"
import { startRedis } from "../servers/stores.ts"

/** Seconds from the start of an edge's process until `/healthz/ready` answers 200, beside a Redis that is there. */
export function measureStarts(count: number): Promise<Spread> {
  return withBench(async (bench) => {
    const redis = await startRedis(bench)
    await seedLinks(redis, { links: 1 })
    await startHeartbeat(bench, redis)
    const seconds: number[] = []
    for (let i = 0; i < count; i++) {
      const startMs = performance.now()
      const edge = await startEdge(bench, { redisUrl: redis.url })
      seconds.push((performance.now() - startMs) / 1_000)
      await edge.stop()
    }
    return spreadOf(seconds)
  })
}
