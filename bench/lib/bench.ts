import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { type Crew, newCrew } from "../../scripts/lib/crew.ts"
import { report } from "../../scripts/lib/plain-error.ts"
import { pinSelf } from "./cores.ts"

/** One run: a folder of its own, and everything that was started in it. */
export type Bench = {
  readonly folder: string
  readonly crew: Crew
  /** Aborted as soon as the run ends: nothing is begun any more, and load generators end. */
  readonly signal: AbortSignal
  /** What is begun last is ended first. */
  onStop(end: () => Promise<unknown>): void
  stop(): Promise<void>
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

export const say = (line: string) => console.error(line)

export async function openBench(): Promise<Bench> {
  const folder = await mkdtemp(`${tmpdir()}/qiao-bench-`)
  await chmod(folder, 0o755) // Postgres and nginx may run under their own accounts
  const crew = newCrew({ folder, say, onChange: async () => undefined })
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true }), crew.stop]
  const ending = new AbortController()

  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= endAll()
    return stopped
  }
  const interrupt = () => void stop().finally(() => process.exit(1))
  const fail = (err: unknown) => {
    report(err)
    interrupt()
  }

  async function endAll() {
    ending.abort()
    // What cannot be ended must not keep the rest from it.
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end().catch(report)
    for (const signal of SIGNALS) process.removeListener(signal, interrupt)
    process.removeListener("uncaughtException", fail)
  }

  for (const signal of SIGNALS) process.on(signal, interrupt)
  process.on("uncaughtException", fail)
  return { folder, crew, signal: ending.signal, onStop: (end) => ends.push(end), stop }
}

/** The bench itself works on the core of the load generator, and disturbs no server. */
export async function withBench<T>(use: (bench: Bench) => Promise<T>): Promise<T> {
  pinSelf()
  const bench = await openBench()
  try {
    return await use(bench)
  } finally {
    await bench.stop()
  }
}
