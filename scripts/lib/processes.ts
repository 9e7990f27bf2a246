import { readFile } from "node:fs/promises"
import { run } from "./run.ts"
import { waitFor } from "./wait.ts"

export function isAlive(pid: number) {
  try {
    process.kill(pid, 0)
    return true
  } catch (err) {
    return String(err).includes("EPERM")
  }
}

/** The command line of a process, "" when there is none: tells a process from another that got its id later. */
export async function commandOf(pid: number) {
  try {
    if (process.platform === "linux") {
      return (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim()
    }
    return (await run("ps", ["-p", String(pid), "-o", "command="])).trim()
  } catch {
    return ""
  }
}

/** Asks a process that is not our child to end, and ends it at the deadline. */
export async function endProcess(pid: number, signal: NodeJS.Signals, deadlineMs = 10_000) {
  const ended = async () => !isAlive(pid) || (await commandOf(pid)) === "" // a zombie has no command line
  try {
    process.kill(pid, signal)
    await waitFor(`process ${pid} to end`, ended, { timeoutMs: deadlineMs })
  } catch {
    if (await ended()) return
    process.kill(pid, "SIGKILL")
    await waitFor(`process ${pid} to be gone`, ended)
  }
}
