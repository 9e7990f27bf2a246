import { ConfigError } from "./env.ts"

/** Thrown by a start; its message is all there is to know. */
export class StartError extends Error {}

/** How a running process is stopped, in `stopMaxMs` at most (15 s), and restarted without a pause, if it can be. */
export type Running = { stop: () => Promise<void>; stopMaxMs?: number; restart?: () => Promise<void> }

/**
 * Runs one process: `start` brings it up. SIGTERM and SIGINT stop it once, gracefully, as does SIGHUP, unless it can be restarted; a
 * second signal or `stopMaxMs` ends it at once with exit code 1. A start that fails is said plainly.
 */
export async function runProcess(start: () => Promise<Running>): Promise<void> {
  const { stop, stopMaxMs, restart } = await startOrExit(start)
  const stopOnce = stopAndExit(stop, stopMaxMs)
  let isStopping = false
  const onSignal = () => {
    if (isStopping) process.exit(1)
    isStopping = true
    stopOnce()
  }
  process.on("SIGTERM", onSignal)
  process.on("SIGINT", onSignal)
  process.on("SIGHUP", restart ?? onSignal)
}

/** A start that fails is said plainly, and ends the process. */
export async function startOrExit<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (err) {
    console.error(isPlain(err) ? err.message : err)
    process.exit(1)
  }
}

/** What stops the process, once: with exit code 0, or with 1 when that takes longer than `stopMaxMs`. */
export function stopAndExit(stop: () => Promise<void>, stopMaxMs = 15_000): () => void {
  let isStopping = false
  return async () => {
    if (isStopping) return
    isStopping = true
    setTimeout(() => process.exit(1), stopMaxMs).unref()
    await stop()
    process.exit(0)
  }
}

/** A wrong setting or what the system refused (a taken port, say) needs no stack to be understood. */
function isPlain(err: unknown): err is Error {
  const isExpected = err instanceof ConfigError || err instanceof StartError
  return isExpected || (err instanceof Error && "syscall" in err)
}
