import { verifyPassword } from "@qiao/core/password.ts"
import type { Limit } from "./limits.ts"

/** `busy` and `limited`: nothing was computed. */
export type PasswordAnswer =
  | { kind: "right" | "wrong" }
  | { kind: "busy" | "limited"; retryAfterSeconds: number }

/** `key` is who tries what, a client and a link; `network` where the client is. */
export type Guesser = { key: string; network: string }

export type Passwords = {
  /** Throws on a hash that is none. */
  check(given: string, hash: string, guesser: Guesser): Promise<PasswordAnswer>
  readonly counters: Readonly<Record<PasswordAnswer["kind"], number>>
}

/** A check takes a core for about 50 ms, so one of the few is free again within about this. */
const BUSY_SECONDS = 1

/**
 * Checks passwords: at most `checksMax` at a time and one of a network, so that nobody keeps all others waiting, not even by a password
 * that is right; and only so many wrong ones of one guesser.
 */
export function createPasswords(options: { wrongTries: Limit; checksMax: number }): Passwords {
  const { wrongTries, checksMax } = options
  const counters = { right: 0, wrong: 0, busy: 0, limited: 0 }
  const checkedNetworks = new Set<string>()

  const answer = async (given: string, hash: string, { key, network }: Guesser): Promise<PasswordAnswer> => {
    if (checkedNetworks.has(network) || checkedNetworks.size >= checksMax) {
      return { kind: "busy", retryAfterSeconds: BUSY_SECONDS }
    }
    // Counted as wrong until it is known to be right.
    const waitSeconds = wrongTries.take(key)
    if (waitSeconds > 0) return { kind: "limited", retryAfterSeconds: waitSeconds }
    checkedNetworks.add(network)
    try {
      if (!(await verifyPassword(given, hash))) return { kind: "wrong" }
      wrongTries.giveBack(key)
      return { kind: "right" }
    } finally {
      checkedNetworks.delete(network)
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
