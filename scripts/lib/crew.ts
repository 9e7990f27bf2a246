import { noteRunning } from "./instance-lock.ts"
import { lastLines, openLog } from "./log-file.ts"
import { PlainError } from "./plain-error.ts"
import { type Program, type Supervised, supervise } from "./supervisor.ts"
import { waitFor } from "./wait.ts"

/*
 * The programs of one `up`. They are started one after another and noted on disk as they come and go;
 * a crew that was stopped takes nobody on any more, so nothing outlives it.
 */

const endsBeforeGivingUp = 3
const readyTimeoutMs = 60_000

export type Crew = {
  readonly members: Supervised[]
  start(program: Program): Promise<Supervised>
  /** Waits until the program does its work; a failure shows its last words. */
  untilReady(member: Supervised, isReady: () => Promise<boolean>): Promise<void>
  stop(): Promise<void>
}

type Options = { folder: string; say: (line: string) => void; onChange: () => Promise<void> }

export function newCrew({ folder, say, onChange }: Options): Crew {
  const members: Supervised[] = []
  let isStopped = false
  let noting = Promise.resolve()

  function note() {
    noting = noting.then(async () => {
      await noteRunning(folder, members)
      await onChange()
    })
    noting.catch((err: unknown) => say(`what runs could not be noted: ${err}`))
  }

  return {
    members,
    async start(program) {
      const log = await openLog(`${folder}/logs/${program.name}.log`)
      if (isStopped) throw new PlainError("stopped")
      const member = supervise(program, { log, say, onStart: note })
      members.push(member)
      return member
    },
    async untilReady(member, isReady) {
      const { program, logPath } = member
      const isSettled = async () => (member.endCount < endsBeforeGivingUp ? isReady() : true)
      try {
        await waitFor(`${program.name} to be ready`, isSettled, { timeoutMs: readyTimeoutMs })
        if (member.endCount >= endsBeforeGivingUp) throw new Error(`it ended ${member.endCount} times`)
      } catch (err) {
        const reason = err instanceof Error ? err.message : err
        throw new PlainError(
          `${program.name} does not get ready: ${reason}\nThe end of ${logPath}:\n${await lastLines(logPath)}`,
        )
      }
    },
    async stop() {
      isStopped = true
      for (const names of [
        ["edge", "admin"],
        ["publisher", "ingest"],
        ["redis", "postgres"],
      ]) {
        await Promise.all(
          members.filter(({ program }) => names.includes(program.name)).map((each) => each.stop()),
        )
      }
      note()
      await noting
    },
  }
}
