import { CHANGES_CHANNEL } from "@qiao/core/keys.ts"
import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import type { Publication } from "../repositories/publications.ts"

declare module "fastify" {
  interface FastifyInstance {
    /** Resolves when these are in Redis, or after `PUBLISH_WAIT_MS`: a write answers either way, as its commit is what counts. */
    published(publications: Publication[]): Promise<void>
  }
}

type Waiter = { missing: Map<string, number>; resolve: () => void }

/** Hears the publisher's changes, so that whoever gets an answer to a write can use the link at once. */
export const published = fp(async (app: FastifyInstance, options: { waitMs: number }) => {
  const waiters = new Set<Waiter>()
  const subscriber = app.redis.duplicate({ enableOfflineQueue: true, commandTimeout: undefined })
  subscriber.on("error", () => {})
  subscriber.subscribe(CHANGES_CHANNEL).catch(() => {})
  subscriber.on("message", (_channel, message: string) => {
    if (waiters.size === 0) return
    const [key, version = ""] = message.split(" ")
    const revision = Number(version.split(".")[1])
    for (const waiter of waiters) {
      const wanted = waiter.missing.get(key ?? "")
      if (wanted === undefined || revision < wanted) continue
      waiter.missing.delete(key ?? "")
      if (waiter.missing.size === 0) waiter.resolve()
    }
  })
  app.addHook("onClose", async () => subscriber.disconnect())

  app.decorate("published", async (publications: Publication[]) => {
    if (publications.length === 0 || subscriber.status !== "ready") return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiter = { missing: new Map(publications.map(({ key, revision }) => [key, revision])), resolve }
    waiters.add(waiter)
    const timer = setTimeout(resolve, options.waitMs)
    await promise
    clearTimeout(timer)
    waiters.delete(waiter)
  })
})
