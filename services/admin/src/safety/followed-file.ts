import { stat } from "node:fs/promises"
import { ConfigError } from "@qiao/core/env.ts"
import type { Logger } from "pino"

/*
 * A file whose value is kept up to date.
 *
 * States: current → (it differs from what was read) changing → (the same at two looks, so nobody is writing it) reading → current.
 * What cannot be read is not tried again before the file changes, and the value read last stays in force.
 */
export type FollowedFile<T> = {
  value(): T
  /** Looks at the file, and reads it if it has changed and come to rest. */
  refresh(): Promise<void>
}

type Deps = { log: Pick<Logger, "warn">; signal: AbortSignal }

/** Throws a ConfigError that names the file when it cannot be read at first. */
export async function followFile<T>(
  path: string,
  read: () => Promise<T>,
  { log, signal }: Deps,
): Promise<FollowedFile<T>> {
  // Before reading: a change meanwhile is then seen by the next refresh.
  let tried = await stateOf(path)
  let seen = tried
  let value = await read().catch((err: Error) => {
    throw new ConfigError(`${path} is not usable: ${err.message}`, { cause: err })
  })
  return {
    value: () => value,
    async refresh() {
      const state = await stateOf(path)
      const isAtRest = state === seen
      seen = state
      if (!isAtRest || state === tried) return
      tried = state
      try {
        value = await read()
      } catch (err) {
        if (signal.aborted) return
        log.warn({ err, file: path }, "a list is not usable any more; what it said last stays in force")
      }
    },
  }
}

/** Differs after every change: the change time also moves when an older file is renamed into place, or may be read at last. */
async function stateOf(path: string): Promise<string> {
  try {
    const { ino, size, ctimeMs } = await stat(path)
    return `${ino} ${size} ${ctimeMs}`
  } catch (err) {
    return String(err)
  }
}
