import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"

/*
 * The edge. What runs where:
 *
 *   WORKERS=1   this process: the edge in its main thread (alone.ts), the ops port in another (ops-thread.ts)
 *   WORKERS=N   this process: the ops port, and the supervision (primary.ts) of N processes that are an edge each (worker.ts)
 */

// Loaded from there, the sources cost half of a start's CPU. What is to be in it must be imported later; workers and threads inherit it.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../node_modules/.cache/node", import.meta.url))
enableCompileCache()
const { runProcess } = await import("@qiao/core/process.ts")
const { parseConfig } = await import("./config.ts")

await runProcess(async () => {
  const config = parseConfig(process.env)
  if (config.WORKERS === 1) return (await import("./alone.ts")).startAlone(config)
  return (await import("./primary.ts")).startPrimary(config)
})
