import { setTimeout as delay } from "node:timers/promises"

type Options = { signal: AbortSignal; pauseMs: number; onFailure: (err: unknown) => void }

/** Does work again and again, with a pause after each time, until the signal aborts; what fails because of that is no failure. */
export async function keepTrying(
  work: () => Promise<void>,
  { signal, pauseMs, onFailure }: Options,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work()
    } catch (err) {
      if (signal.aborted) return
      onFailure(err)
    }
    await delay(pauseMs, undefined, { signal }).catch(() => {})
  }
}
