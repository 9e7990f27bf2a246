import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process"
import { once } from "node:events"

export type Child = {
  readonly pid: number
  readonly hasEnded: boolean
  /** Everything it printed so far, both outputs. */
  output(): string
  /** Holds it where it is; its connections stay open. */
  pause(): void
  resume(): void
  /** Asks it to end and waits; resolves to its exit code or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

const stopDeadlineMs = 15_000

/** A child process that never outlives the test process. */
export function startChild(command: string, args: string[], options: SpawnOptions = {}): Child {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
  const ended = once(child, "exit")
  ended.catch(() => undefined) // reported by the first who waits
  const chunks: Buffer[] = []
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk))
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk))

  const killAtExit = () => child.kill("SIGKILL")
  process.once("exit", killAtExit)
  child.once("exit", () => process.off("exit", killAtExit))

  return {
    pid: child.pid ?? 0,
    get hasEnded() {
      return hasEnded(child)
    },
    output: () => Buffer.concat(chunks).toString(),
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async stop(signal = "SIGTERM") {
      if (!hasEnded(child)) child.kill(signal)
      const deadline = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs)
      await ended
      clearTimeout(deadline)
      return child.signalCode ?? child.exitCode
    },
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null
