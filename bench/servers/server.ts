import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { lastLines, openLog } from "../../scripts/lib/log-file.ts"
import { PlainError } from "../../scripts/lib/plain-error.ts"
import { waitFor } from "../../scripts/lib/wait.ts"
import type { Bench } from "../lib/bench.ts"
import { cores, onCore } from "../lib/cores.ts"
import { bareEnvironment } from "./environment.ts"

/** A server under test. It is never started again: one that ends by itself fails the run. */
export type Server = {
  readonly name: string
  readonly port: number
  /** Of its first process; the others are its children. */
  readonly pid: number
  /** The end of its log, for the message of a run that fails. */
  lastWords(): Promise<string>
  stop(): Promise<void>
}

const STOP_MS = 15_000

type Options = {
  name: string
  port: number
  command: string
  args: string[]
  /** All that it gets beside PATH and HOME. */
  env?: NodeJS.ProcessEnv
  isReady: () => Promise<boolean>
}

/** Resolves when it is ready. */
export async function startServer(bench: Bench, options: Options): Promise<Server> {
  const { name, port, env = {}, isReady } = options
  const log = await openLog(`${bench.folder}/logs/${name.replaceAll(" ", "-")}-${port}.log`)
  const { command, args } = onCore(cores.server, options)
  bench.signal.throwIfAborted()
  const child = spawn(command, args, {
    env: { ...bareEnvironment, ...env },
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  })
  const ended = once(child, "exit").finally(log.close)
  const stop = async () => {
    child.kill("SIGTERM")
    const deadline = setTimeout(() => killGroup(child), STOP_MS)
    await ended.finally(() => clearTimeout(deadline))
  }
  bench.onStop(stop)
  const died = async () => {
    await ended
    throw new PlainError(`${name} ended:\n${await lastLines(log.path)}`)
  }
  await Promise.race([waitFor(`${name} to be ready`, isReady, { timeoutMs: 60_000, intervalMs: 5 }), died()])
  return { name, port, pid: child.pid ?? 0, lastWords: () => lastLines(log.path), stop }
}

/** With its children: it leads a group of its own. */
function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL")
}

/** Whether anything answers HTTP there. */
export async function answersHttp(port: number): Promise<boolean> {
  await (await fetch(`http://127.0.0.1:${port}/`, { redirect: "manual" })).arrayBuffer()
  return true
}
