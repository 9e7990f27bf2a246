import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import type { LogFile } from "./log-file.ts"

/*
 * A supervised program is running, waiting (it ended and is started again after a pause) or stopped.
 *
 *   running ── ends ──► waiting ── pause over ──► running
 *      └──────── stop() ───┴──────────────────► stopped, for good
 *
 * Until it is stopped it is never left ended. The pause doubles with each end and is forgotten after a
 * long enough life. Each program leads its own process group: Ctrl-C reaches only the supervisor,
 * which can then stop the programs in their order.
 */

const pauseMs = { first: 200, longest: 10_000 }
const steadyAfterMs = 30_000
const stopDeadlineMs = 10_000

export type Program = {
  name: string
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  cwd?: string
  account?: { uid: number; gid: number }
  stopSignal?: NodeJS.Signals
  /** Clears what a crash may have left behind; runs before every start. */
  prepare?: () => Promise<void>
}

export type Supervised = {
  readonly program: Program
  readonly pid: number | undefined
  /** How many times it ended by itself. */
  readonly endCount: number
  readonly logPath: string
  stop(): Promise<void>
}

type Watch = { log: LogFile; say: (line: string) => void; onStart: () => void }

export function supervise(program: Program, { log, say, onStart }: Watch): Supervised {
  const stopping = new AbortController()
  let child: ChildProcess | undefined
  let endCount = 0
  const life = live()

  async function live() {
    let pause = pauseMs.first
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      const reason = await runOnce()
      if (stopping.signal.aborted) break
      endCount++
      if (performance.now() - startedAt > steadyAfterMs) pause = pauseMs.first
      say(`${program.name} ended (${reason}), starting it again in ${pause / 1000} s; its log: ${log.path}`)
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
      pause = Math.min(pause * 2, pauseMs.longest)
    }
    log.close()
  }

  async function runOnce() {
    try {
      await program.prepare?.()
      if (stopping.signal.aborted) return "stopped"
      child = start(program, log)
      if (child.pid !== undefined) onStart()
      const [code, signal] = await once(child, "exit")
      return signal ?? `exit code ${code}`
    } catch (err) {
      return String(err)
    } finally {
      child = undefined
    }
  }

  async function stop() {
    stopping.abort()
    const pid = child?.pid
    if (pid !== undefined) {
      signalGroup(pid, program.stopSignal ?? "SIGTERM", child)
      const deadline = setTimeout(() => {
        say(`${program.name} did not stop within ${stopDeadlineMs / 1000} s and is killed`)
        signalGroup(pid, "SIGKILL")
      }, stopDeadlineMs)
      await life
      clearTimeout(deadline)
    }
    await life
  }

  return {
    program,
    logPath: log.path,
    get pid() {
      return child?.pid
    },
    get endCount() {
      return endCount
    },
    stop,
  }
}

function start({ command, args, env, cwd, account }: Program, log: LogFile) {
  return spawn(command, args, {
    ...account,
    ...(env && { env }),
    ...(cwd && { cwd }),
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  })
}

/** A polite signal goes to the leader alone, which tells its own children; a kill goes to all. */
function signalGroup(pid: number, signal: NodeJS.Signals, leader?: ChildProcess) {
  try {
    if (leader) leader.kill(signal)
    else process.kill(-pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
