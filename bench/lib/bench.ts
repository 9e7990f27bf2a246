import { chmod, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { type Crew, newCrew } from "../../scripts/lib/crew.ts"

/** One run: a folder of its own, and everything that was started in it. */
export type Bench = {
  readonly folder: string
  readonly crew: Crew
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
  const stop = async () => {
    for (const signal of SIGNALS) process.removeListener(signal, interrupt)
    // What cannot be ended must not keep the rest from it.
    for (let end = ends.pop(); end !== undefined; end = ends.pop())
      await end().catch((err) => say(String(err)))
  }
  const interrupt = () => stop().finally(() => process.exit(1))
  for (const signal of SIGNALS) process.on(signal, interrupt)
  return { folder, crew, onStop: (end) => ends.push(end), stop }
}

export async function withBench<T>(use: (bench: Bench) => Promise<T>): Promise<T> {
  const bench = await openBench()
  try {
    return await use(bench)
  } finally {
    await bench.stop()
  }
}
