import { CHANGES_CHANNEL, HEARTBEAT } from "@qiao/core/keys.ts"
import type { RecordVersion } from "@qiao/core/versioned.ts"
import type { Redis } from "ioredis"

/*
 * The channel on which Redis tells what changed.
 *
 *   lost ──subscription acknowledged──► live ──connection closed──► lost
 *                     live ──no heartbeat for HEARTBEAT_GAP_MS──► silent ──heartbeat──► live
 *
 * Every arrival in `live` raises `generation`, and is told: what was read in an older one may have changed without our hearing of it.
 * Promise: a value read in the present generation, while `isLive`, has not changed since, but for messages still on their way.
 */
export type Changes = {
  readonly generation: number
  isLive(nowMs: number): boolean
  heartbeatAgeMs(nowMs: number): number
  close(): void
}

const CHECK_MS = 1_000

export function followChanges(options: {
  redis: Redis
  heartbeatGapMs: number
  /** Monotonic milliseconds. */
  now: () => number
  onChange: (key: string, version: RecordVersion) => void
  onGeneration: () => void
}): Changes {
  const { redis, heartbeatGapMs, now, onChange, onGeneration } = options
  let generation = 0
  let isSubscribed = false
  let heardAtMs = 0

  const arrive = () => {
    generation++
    heardAtMs = now()
    onGeneration()
  }
  const subscribe = async () => {
    try {
      await redis.subscribe(CHANGES_CHANNEL)
      isSubscribed = true
      arrive()
    } catch {
      // A connection on which one cannot subscribe is of no use: take another, unless it is gone already.
      if (redis.status === "ready") redis.disconnect(true)
    }
  }
  const onMessage = (_channel: string, message: string) => {
    if (message === HEARTBEAT) {
      if (now() - heardAtMs > heartbeatGapMs) arrive()
      heardAtMs = now()
      return
    }
    const change = parseChange(message)
    if (change !== null) onChange(change.key, change.version)
  }
  // Sent into silence, so that a dead connection shows: it owes an answer now, and ioredis drops it when none comes.
  const probe = setInterval(() => {
    if (isSubscribed && now() - heardAtMs > heartbeatGapMs) redis.ping().catch(() => {})
  }, CHECK_MS).unref()

  redis.on("ready", subscribe)
  redis.on("close", () => {
    isSubscribed = false
  })
  redis.on("message", onMessage)
  if (redis.status === "ready") void subscribe()

  return {
    get generation() {
      return generation
    },
    isLive: (nowMs) => isSubscribed && nowMs - heardAtMs <= heartbeatGapMs,
    heartbeatAgeMs: (nowMs) => nowMs - heardAtMs,
    close() {
      clearInterval(probe)
      isSubscribed = false
      redis.disconnect()
    },
  }
}

/** `<key> <epoch>.<revision>`; the key may hold anything but a blank. */
function parseChange(message: string): { key: string; version: RecordVersion } | null {
  const match = /^(.*) (\d+)\.(\d+)$/s.exec(message)
  if (match === null) return null
  const [, key = "", epoch, revision] = match
  return { key, version: { epoch: Number(epoch), revision: Number(revision) } }
}
