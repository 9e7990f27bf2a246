import { Redis } from "ioredis"
import type { Test } from "tap"

/** A plain connection to look at Redis with. */
export function redisClient(t: Test, url: string): Redis {
  const redis = new Redis(url)
  redis.on("error", () => undefined)
  t.teardown(() => redis.disconnect())
  return redis
}
