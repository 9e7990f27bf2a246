import { CHANGES_CHANNEL, HEARTBEAT, HEARTBEAT_KEY } from "../../packages/core/src/keys.ts"
import { type Bench, say } from "../lib/bench.ts"
import type { RedisServer } from "./stores.ts"

const HEARTBEAT_MS = 1_000

/** Says what a publisher without anything to publish says. */
export async function startHeartbeat(bench: Bench, { client }: RedisServer): Promise<void> {
  const beat = async () => {
    await client.set(HEARTBEAT_KEY, Date.now())
    await client.publish(CHANGES_CHANNEL, HEARTBEAT)
  }
  await beat()
  const timer = setInterval(() => void beat().catch((err) => say(`no heartbeat: ${err}`)), HEARTBEAT_MS)
  bench.onStop(async () => clearInterval(timer))
}
