import { ConfigError } from "./env.ts"

/**
 * Runs one process: `start` brings it up and returns how to stop it. SIGTERM and SIGINT stop it once, gracefully; a second signal or
 * `stopDeadlineMs` ends it at once with exit code 1. A start that fails is said plainly.
 */
export async function runProcess(
  start: () => Promise<() => Promise<void>>,
  stopDeadlineMs = 15_000,
): Promise<void> {
  let stop: () => Promise<void>
  try {
    stop = await start()
  } catch (err) {
    console.error(isPlain(err) ? err.message : err)
    process.exit(1)
  }
  let isStopping = false
  const onSignal = async () => {
    if (isStopping) process.exit(1)
    isStopping = true
    setTimeout(() => process.exit(1), stopDeadlineMs).unref()
    await stop()
    process.exit(0)
  }
  process.on("SIGTERM", onSignal)
  process.on("SIGINT", onSignal)
}

/** A wrong setting or what the system refused (a taken port, say) needs no stack to be understood. */
function isPlain(err: unknown): err is Error {
  return err instanceof ConfigError || (err instanceof Error && "syscall" in err)
}
