import { setTimeout as sleep } from "node:timers/promises"
import { spreadOf } from "../lib/numbers.ts"
import { memoryOfFamily } from "./process-use.ts"

const INTERVAL_MS = 50
const OPS_PATHS = ["/healthz/ready", "/metrics"]
/** Later is never. */
const OPS_DEADLINE_MS = 2_000

/** `opsFailures` are times that the ops port gave no answer, or another than 200. */
export type Watched = { peakMemoryMb: number; ops: { p50: number; max: number } | null; opsFailures: number }

/** Looks at a server while it is under load: its memory, and how long its ops port takes, if it has one. The signal ends it too. */
export function watchServer(
  pid: number,
  opsPort: number | null,
  signal: AbortSignal,
): { stop(): Promise<Watched> } {
  let isOver = false
  let peakMemoryMb = 0
  let opsFailures = 0
  const opsMs: number[] = []

  async function look() {
    for (let i = 0; !isOver && !signal.aborted; i++) {
      peakMemoryMb = Math.max(peakMemoryMb, memoryOfFamily(pid))
      if (opsPort !== null) await timeOps(opsPort, OPS_PATHS[i % OPS_PATHS.length] ?? "")
      await sleep(INTERVAL_MS)
    }
  }

  async function timeOps(port: number, path: string) {
    const askedMs = performance.now()
    if (await answersWell(port, path)) opsMs.push(performance.now() - askedMs)
    else opsFailures++
  }

  const looking = look()
  looking.catch(() => {}) // stop() tells
  return {
    async stop() {
      isOver = true
      await looking
      const { median, max } = spreadOf(opsMs)
      return { peakMemoryMb, ops: opsMs.length === 0 ? null : { p50: median, max }, opsFailures }
    },
  }
}

async function answersWell(port: number, path: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(OPS_DEADLINE_MS)
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal })
    await answer.text()
    return answer.ok
  } catch {
    return false
  }
}
