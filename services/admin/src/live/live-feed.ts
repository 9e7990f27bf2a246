import { liveChannel } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Logger } from "pino"
import type { LiveMessage } from "./live-visit.ts"

/*
 * What ingest tells of visits, for all who listen in this process, over one connection.
 *
 * States of a channel: nobody listens → subscribed, from the first listener on → nobody listens, after the last one left or when the
 * connection broke. Whoever listened then is told so, and asks anew: what was published meanwhile is not known here.
 */

export type LiveListener = { onMessage(message: LiveMessage): void; onLost(): void }

export type LiveFeed = {
  /** Resolves, once nothing is missed any more, to what ends it. Throws when Redis does not answer. */
  listen(workspaceId: string, listener: LiveListener): Promise<() => void>
  close(): void
}

type Channel = { listeners: Set<LiveListener>; subscribed: Promise<unknown> }

/** `redis` is a connection for this alone. A connection that says nothing is found out within `checkMs`. */
export function createLiveFeed(redis: Redis, log: Pick<Logger, "warn">, checkMs: number): LiveFeed {
  const channels = new Map<string, Channel>()

  redis.on("message", (name: string, text: string) => {
    const channel = channels.get(name)
    const message = channel === undefined ? null : parse(text)
    if (message === null) return
    for (const listener of channel?.listeners ?? []) listener.onMessage(message)
  })
  redis.on("close", () => {
    const lost = [...channels.values()]
    channels.clear()
    for (const { listeners } of lost) for (const listener of listeners) listener.onLost()
  })
  const checking = setInterval(() => {
    if (channels.size > 0) redis.ping().catch(() => redis.disconnect(true))
  }, checkMs)

  function subscribe(name: string): Channel {
    const channel = { listeners: new Set<LiveListener>(), subscribed: redis.subscribe(name) }
    channels.set(name, channel)
    return channel
  }

  function leave(name: string, channel: Channel, listener: LiveListener): void {
    channel.listeners.delete(listener)
    if (channel.listeners.size > 0 || channels.get(name) !== channel) return
    channels.delete(name)
    // Should it fail, its messages find nobody.
    redis.unsubscribe(name).catch(() => undefined)
  }

  function parse(text: string): LiveMessage | null {
    try {
      return JSON.parse(text) as LiveMessage
    } catch (err) {
      log.warn({ err }, "a live message is no JSON")
      return null
    }
  }

  return {
    async listen(workspaceId, listener) {
      const name = liveChannel(workspaceId)
      const channel = channels.get(name) ?? subscribe(name)
      channel.listeners.add(listener)
      try {
        await channel.subscribed
      } catch (err) {
        leave(name, channel, listener)
        throw err
      }
      return () => leave(name, channel, listener)
    },
    close() {
      clearInterval(checking)
      redis.disconnect()
    },
  }
}
