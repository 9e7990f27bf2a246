import { setTimeout as sleep } from "node:timers/promises"

type Options = { timeoutMs?: number; intervalMs?: number }

/**
 * Polls until the condition returns something truthy, which is returned.
 * A condition that throws has not come true yet; the error at the deadline tells what was seen last.
 */
export async function waitFor<T>(
  description: string,
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000, intervalMs = 20 }: Options = {},
): Promise<Exclude<T, false | 0 | "" | null | undefined>> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const value = await condition()
      if (isTruthy(value)) return value
      last = value
    } catch (err) {
      last = err
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${description}; last seen: ${describe(last)}`, {
        cause: last,
      })
    }
    await sleep(intervalMs)
  }
}

function isTruthy<T>(value: T): value is Exclude<T, false | 0 | "" | null | undefined> {
  return Boolean(value)
}

function describe(value: unknown) {
  if (value instanceof Error) return value.message || value.name
  return JSON.stringify(value) ?? String(value)
}
