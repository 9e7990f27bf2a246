import { Redis, type RedisOptions } from "ioredis"
import type { Logger } from "pino"

/**
 * A connection that fails at once while Redis is away and never resends by itself (who sends decides what is sent again). One that
 * owes an answer for `silenceMaxMs` counts as dead and is made anew. Log lines come when its state changes, not for each try.
 */
export function connectRedis(
  url: string,
  log: Logger,
  options: { name: string; silenceMaxMs: number } & Pick<RedisOptions, "commandTimeout">,
): Redis {
  const { name, silenceMaxMs, ...rest } = options
  const redis = new Redis(url, {
    ...rest,
    connectionName: `qiao-edge-${name}`,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // A node that was demoted to a replica takes reads but no writes: what it says may be old.
    reconnectOnError: (err) => err.message.startsWith("READONLY"),
    connectTimeout: silenceMaxMs,
    socketTimeout: silenceMaxMs,
    retryStrategy: (attempts) => Math.min(25 * 2 ** Math.min(attempts, 6), 1_000),
  })
  let isDown = false
  redis.on("error", (err) => {
    if (!isDown) log.warn({ err, connection: name }, "redis connection failed")
    isDown = true
  })
  redis.on("ready", () => {
    if (isDown) log.info({ connection: name }, "redis connection is back")
    isDown = false
  })
  return redis
}
