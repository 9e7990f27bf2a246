import { mkdir } from "node:fs/promises"
import { type SpillLock, takeLock } from "./spill-lock.ts"
import { type Listed, listSegments } from "./spill-segment.ts"

/*
 * SpillFolder: a folder, as soon as it is this process's alone.
 *
 *   shut ──lock taken, former segments listed──► open ──close──► shut
 *        └─ tried again each second
 */
export type SpillFolder = {
  readonly isOpen: boolean
  close(): Promise<void>
}

const RETRY_MS = 1_000

export function openFolder(options: {
  folder: string
  /** Never the same twice. */
  newId: () => string
  onOpen: (listed: Listed) => void
  onFailure: (err: unknown) => void
}): SpillFolder {
  const { folder, newId, onOpen, onFailure } = options
  let lock: SpillLock | null = null
  let retry: NodeJS.Timeout | undefined
  let isClosed = false

  const open = async () => {
    let taken: SpillLock | null = null
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      taken = await takeLock(folder, newId())
      if (taken === null) throw new Error("another process has it")
      onOpen(await listSegments(folder))
      lock = taken
    } catch (err) {
      onFailure(err)
      await taken?.release()
      if (!isClosed) retry = setTimeout(tryAgain, RETRY_MS).unref()
    }
  }
  const tryAgain = () => {
    opening = open()
  }
  let opening = open()

  return {
    get isOpen() {
      return lock !== null
    },
    async close() {
      isClosed = true
      clearTimeout(retry)
      await opening
      const held = lock
      lock = null
      await held?.release()
    },
  }
}
