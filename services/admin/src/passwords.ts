import { randomBytes } from "node:crypto"
import { hashPassword } from "@qiao/core/password.ts"
import { Problem } from "./problem.ts"

export const SALT_SIZE_BYTES = 16

/** Hashes a password, with a random salt unless one is given; throws a 503 problem when too many wait already. */
export type HashPassword = (password: string, salt?: Buffer) => Promise<string>

/**
 * A hash takes 16 MB and 50 ms of a core, on a thread that files and host names need as well: `runningMax` are computed at a time, and
 * `waitingMax` more wait their turn.
 */
export function createPasswordHasher(limits: { runningMax: number; waitingMax: number }): HashPassword {
  const waiting: (() => void)[] = []
  let running = 0

  async function takeTurn() {
    if (running < limits.runningMax) {
      running++
      return
    }
    if (waiting.length >= limits.waitingMax) {
      const headers = { "retry-after": "1" }
      throw new Problem(503, "busy", "Too many passwords are being set at once.", { headers })
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await promise
  }

  /** Who waits longest takes over the turn itself, so that nobody new can get in between. */
  function passTurn() {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }

  return async (password, salt = randomBytes(SALT_SIZE_BYTES)) => {
    await takeTurn()
    try {
      return await hashPassword(password, salt)
    } finally {
      passTurn()
    }
  }
}
