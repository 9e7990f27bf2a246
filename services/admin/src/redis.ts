import { Redis, type RedisOptions } from "ioredis"
import type { Logger } from "pino"

/** A connection that says nothing for this long while it owes an answer is dead. */
const SILENCE_MAX_MS = 10_000

/** Every connection to Redis fails fast and resends nothing: whoever asks knows whether to ask again. */
export const FAIL_FAST: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  connectTimeout: 5_000,
  socketTimeout: SILENCE_MAX_MS,
  // A node that was demoted to a replica takes reads but no writes: what it says may be old.
  reconnectOnError: (err) => err.message.startsWith("READONLY"),
}

/** Every key that matches, some of them perhaps twice (SCAN's guarantee). */
export async function* scanKeys(redis: Redis, pattern: string): AsyncGenerator<string[]> {
  let cursor = "0"
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", pattern, "COUNT", 1_000)
    if (keys.length > 0) yield keys
    cursor = next
  } while (cursor !== "0")
}

/**
 * A connection that is made anew whenever it is lost. Its commands end after `commandTimeout`. Log lines come when its state changes,
 * not for each try.
 */
export function connectRedis(
  url: string,
  log: Pick<Logger, "warn" | "info">,
  options: { name: string; commandTimeout: number },
): Redis {
  const redis = new Redis(url, {
    ...FAIL_FAST,
    connectionName: `qiao-${options.name}`,
    commandTimeout: options.commandTimeout,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
  })
  let isDown = false
  redis.on("error", (err) => {
    if (!isDown) log.warn({ err: err.message, connection: options.name }, "redis connection failed")
    isDown = true
  })
  redis.on("ready", () => {
    if (isDown) log.info({ connection: options.name }, "redis connection is back")
    isDown = false
  })
  return redis
}
