import { Redis } from "ioredis"
import { clickStreamKey } from "../../packages/core/src/keys.ts"
import { BATCH_VISITS, type Traffic } from "./clicks.ts"

const PIPELINE = 50

/** Puts as many clicks into the streams as edges would have left there. */
export async function fillStreams(
  redisUrl: string,
  traffic: Traffic,
  clicks: number,
  partitions: number,
): Promise<void> {
  const redis = new Redis(redisUrl)
  try {
    for (let sent = 0; sent < clicks; ) {
      const pipeline = redis.pipeline()
      for (let i = 0; i < PIPELINE && sent < clicks; i++, sent += BATCH_VISITS) {
        const { sealed, instance } = traffic.batch(Date.now())
        pipeline.xadd(clickStreamKey(instance % partitions), "*", "b", sealed)
      }
      for (const [err] of (await pipeline.exec()) ?? []) if (err !== null) throw err
    }
  } finally {
    redis.disconnect()
  }
}
