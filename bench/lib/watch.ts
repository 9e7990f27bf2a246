import { setTimeout as sleep } from "node:timers/promises"
import { spreadOf } from "./numbers.ts"
import { memoryOfFamily } from "./process-use.ts"

const INTERVAL_MS = 50
const OPS_PATHS = ["/healthz/ready", "/metrics"]

export type Watched = { peakMemoryMb: number; ops: { p50: number; max: number } | null }

/** Looks at a server while it is under load: its memory, and how long its ops port takes, if it has one. */
export function watchServer(pid: number, opsPort: number | null): { stop(): Promise<Watched> } {
  let isOver = false
  let peakMemoryMb = 0
  const opsMs: number[] = []

  async function look() {
    for (let i = 0; !isOver; i++) {
      peakMemoryMb = Math.max(peakMemoryMb, memoryOfFamily(pid))
      if (opsPort !== null) opsMs.push(await askOps(opsPort, OPS_PATHS[i % OPS_PATHS.length] ?? ""))
      await sleep(INTERVAL_MS)
    }
  }

  const looking = look()
  return {
    async stop() {
      isOver = true
      await looking
      const { median, max } = spreadOf(opsMs)
      return { peakMemoryMb, ops: opsPort === null ? null : { p50: median, max } }
    },
  }
}

/** Milliseconds. */
async function askOps(port: number, path: string): Promise<number> {
  const askedMs = performance.now()
  const answer = await fetch(`http://127.0.0.1:${port}${path}`)
  await answer.text()
  if (!answer.ok) throw new Error(`${path} of the ops port answered ${answer.status}`)
  return performance.now() - askedMs
}
