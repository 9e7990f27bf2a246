import { execFile } from "node:child_process"
import { promisify } from "node:util"

type Options = { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number; signal?: AbortSignal }

/** Runs a command to its end and returns what it printed; throws with both outputs when it fails. The signal ends it. */
export async function run(command: string, args: string[], options: Options = {}) {
  const { stdout } = await promisify(execFile)(command, args, { ...options, maxBuffer: 16 * 1024 * 1024 })
  return stdout
}

export async function succeeds(command: string, args: string[]) {
  try {
    await run(command, args)
    return true
  } catch {
    return false
  }
}
