import { spawnSync } from "node:child_process"
import { availableParallelism } from "node:os"

/**
 * The server under test has a core to itself, with all its threads; load generator and stores share another, or have one each. Without
 * `taskset`, or with one core alone, nothing is pinned and results say so.
 */
export const isPinned = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0

export const cores = { server: 0, load: 1, stores: availableParallelism() > 2 ? 2 : 1 }

/** With all its threads, and what it starts from now on unless that has a core of its own. */
export function pinSelf(): void {
  if (isPinned) spawnSync("taskset", ["-acp", String(cores.load), String(process.pid)])
}

/** The command, on that core. `taskset` becomes what it starts, so the process id is the command's. */
export function onCore<T extends { command: string; args: string[] }>(core: number, program: T): T {
  if (!isPinned) return program
  return { ...program, command: "taskset", args: ["-c", String(core), program.command, ...program.args] }
}
