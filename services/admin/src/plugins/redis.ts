import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { Redis } from "ioredis"

declare module "fastify" {
  interface FastifyInstance {
    redis: Redis
  }
}

/** For rate limits only: a command that cannot be answered at once fails, and the request goes on. */
export const redis = fp(async (app: FastifyInstance, options: { url: string }) => {
  const redis = new Redis(options.url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 250,
    connectionName: "qiao-admin",
  })
  redis.on("error", (err) => app.log.warn({ err: err.message }, "redis connection"))
  app.decorate("redis", redis)
  app.addHook("onClose", async () => redis.disconnect())
})
