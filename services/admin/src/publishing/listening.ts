import type pg from "pg"
import { connectClient } from "../db/connect.ts"
import { DUE_CHANNEL } from "../repositories/publications.ts"

export type DueListener = {
  /** Resolves at the next notification or `wake()`, at the latest after the poll interval. */
  nextWake(): Promise<void>
  wake(): void
  isListening(): boolean
  close(): Promise<void>
}

/**
 * LISTENs on a connection of its own. States: connecting → listening → (connection lost) → connecting, with a poll interval between
 * tries. While it is not listening the poll alone wakes the publisher.
 */
export function listenForDue(url: string, pollMs: number, onError: (err: Error) => void): DueListener {
  let client: pg.Client | null = null
  let isClosed = false
  let retry: NodeJS.Timeout | undefined
  let isDue = false
  let wakeWaiter = () => {}

  const wake = () => {
    isDue = true
    wakeWaiter()
  }

  const lost = (err: Error) => {
    onError(err)
    client = null
    // A connection may be lost more than once: by its error, its end and the query it had.
    clearTimeout(retry)
    if (!isClosed) retry = setTimeout(connect, pollMs)
  }

  const connect = async () => {
    try {
      const connected = await connectClient(url, lost)
      connected.on("notification", wake)
      await connected.query(`listen ${DUE_CHANNEL}`)
      if (isClosed) return await connected.end()
      client = connected
      wake()
    } catch (err) {
      lost(err as Error)
    }
  }
  connect()

  return {
    wake,
    isListening: () => client !== null,
    async nextWake() {
      const timer = setTimeout(wake, pollMs)
      await new Promise<void>((resolve) => {
        wakeWaiter = resolve
        if (isDue) resolve()
      })
      clearTimeout(timer)
      isDue = false
    },
    async close() {
      isClosed = true
      clearTimeout(retry)
      await client?.end()
    },
  }
}
