import { CHANGES_CHANNEL } from "@qiao/core/keys.ts"
import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { connectRedis } from "../redis.ts"
import type { Publication } from "../repositories/publications.ts"

declare module "fastify" {
  interface FastifyInstance {
    /** True once these are in Redis, false when that is not known after `PUBLISH_WAIT_MS`. */
    published(publications: Publication[]): Promise<boolean>
  }
}

type Waiter = { missing: Map<string, number>; resolve: (isPublished: boolean) => void }

/** Hears the publisher's changes, so that whoever gets an answer to a write can use the link at once. */
export const published = fp(async (app: FastifyInstance, options: { url: string; waitMs: number }) => {
  const waiters = new Set<Waiter>()
  const subscriber = connectRedis(options.url, app.log, { name: "published", commandTimeout: 2_000 })
  let isListening = false
  subscriber.on("ready", async () => {
    isListening = await subscriber.subscribe(CHANGES_CHANNEL).then(
      () => true,
      () => false,
    )
  })
  subscriber.on("close", () => {
    isListening = false
  })
  subscriber.on("message", (_channel, message: string) => {
    if (waiters.size === 0) return
    const [key, version = ""] = message.split(" ")
    const revision = Number(version.split(".")[1])
    for (const waiter of waiters) {
      const wanted = waiter.missing.get(key ?? "")
      if (wanted === undefined || revision < wanted) continue
      waiter.missing.delete(key ?? "")
      if (waiter.missing.size === 0) waiter.resolve(true)
    }
  })
  app.addHook("onClose", async () => subscriber.disconnect())

  app.decorate("published", async (publications: Publication[]) => {
    if (publications.length === 0) return true
    if (!isListening) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const waiter = { missing: new Map(publications.map(({ key, revision }) => [key, revision])), resolve }
    waiters.add(waiter)
    const timer = setTimeout(resolve, options.waitMs, false)
    const isPublished = await promise
    clearTimeout(timer)
    waiters.delete(waiter)
    return isPublished
  })
})
