import { verifyPassword } from "@qiao/core/password.ts"
import type { Limit } from "./limits.ts"

/** `busy` and `limited`: nothing was computed. */
export type PasswordAnswer =
  | { kind: "right" | "wrong" }
  | { kind: "busy" | "limited"; retryAfterSeconds: number }

export type Passwords = {
  /** `guesser` is who tries what: a client network and a link. Throws on a hash that is none. */
  check(given: string, hash: string, guesser: string): Promise<PasswordAnswer>
  readonly counters: Readonly<Record<PasswordAnswer["kind"], number>>
}

/** A check takes a core for about 50 ms, so one of the few is free again within about this. */
const BUSY_SECONDS = 1

/** Checks passwords, at most `checksMax` at a time, and only so many wrong ones of one guesser. */
export function createPasswords(options: { wrongTries: Limit; checksMax: number }): Passwords {
  const { wrongTries, checksMax } = options
  const counters = { right: 0, wrong: 0, busy: 0, limited: 0 }
  let underWay = 0

  const answer = async (given: string, hash: string, guesser: string): Promise<PasswordAnswer> => {
    if (underWay >= checksMax) return { kind: "busy", retryAfterSeconds: BUSY_SECONDS }
    // Counted as wrong until it is known to be right.
    const waitSeconds = wrongTries.take(guesser)
    if (waitSeconds > 0) return { kind: "limited", retryAfterSeconds: waitSeconds }
    underWay++
    try {
      if (!(await verifyPassword(given, hash))) return { kind: "wrong" }
      wrongTries.giveBack(guesser)
      return { kind: "right" }
    } finally {
      underWay--
    }
  }

  return {
    async check(given, hash, guesser) {
      const answered = await answer(given, hash, guesser)
      counters[answered.kind]++
      return answered
    },
    counters,
  }
}
