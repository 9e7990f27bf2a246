import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import type { Redis } from "ioredis"
import { connectRedis } from "../redis.ts"

declare module "fastify" {
  interface FastifyInstance {
    redis: Redis
  }
}

/** For rate limits and the counters of `maxClicks`: a command that cannot be answered at once fails. */
export const redis = fp(async (app: FastifyInstance, options: { url: string }) => {
  const redis = connectRedis(options.url, app.log, { name: "admin", commandTimeout: 250 })
  app.decorate("redis", redis)
  app.addHook("onClose", async () => redis.disconnect())
})
