import {
  addressesOf,
  type BanSet,
  decodeBanSet,
  isDomainBanned,
  isTargetBanned,
  NO_BANS,
} from "@qiao/core/ban-set.ts"
import type { Decision } from "@qiao/core/decide.ts"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import { BANS_NAME } from "@qiao/core/keys.ts"
import type { LinkRecord } from "@qiao/core/record.ts"
import { isNewer, type RecordVersion } from "@qiao/core/versioned.ts"
import type { Changes } from "./changes.ts"
import { memoise } from "./memoise.ts"
import type { RawRecord, RecordSource } from "./record-source.ts"

/*
 * The bans of the instance, held whole.
 *
 *   unknown ──read──► known ──change, new generation of changes, silence, refreshMs──► read again; known meanwhile
 *
 * Promises:
 *  - One read is under way at a time; a change that is heard during one is followed by another. One that fails is tried again each
 *    CHECK_MS, and so long is the wait between reads while changes are not heard of.
 *  - A lower (epoch, revision) never replaces a higher one; an absence is as new as the epoch of the bucket's completeness marker, and
 *    says nothing without it.
 *  - Asking waits for nothing; it costs a comparison where nothing is banned, and a look-up for an address that was asked for before.
 */
export type Bans = {
  /** Until then nothing may be answered. */
  readonly isKnown: boolean
  bansDomain(domain: DomainRecord): boolean
  bansTarget(url: string): boolean
  /** Whether the answer leads to something banned; `location` is where a redirect goes. */
  bansAnswer(link: LinkRecord, decision: Decision, location: string | null): boolean
  /** Reads at once, or as soon as the read that is under way has ended. */
  refresh(): void
  readonly version: RecordVersion
  readonly set: BanSet
  /** Since the last read that succeeded. */
  ageMs(nowMs: number): number
  readonly counters: Readonly<{ reads: number; failures: number }>
  stop(): void
}

const CHECK_MS = 100

/** Older than anything that is stored. */
const NEVER: RecordVersion = { epoch: -1, revision: 0 }

export function followBans(options: {
  source: RecordSource
  changes: Pick<Changes, "isLive">
  refreshMs: number
  /** Monotonic milliseconds. */
  now: () => number
  onFailure: (err: unknown) => void
}): Bans {
  const { source, changes, refreshMs, now, onFailure } = options
  const counters = { reads: 0, failures: 0 }
  let set = NO_BANS
  let version = NEVER
  let readAtMs = Number.NEGATIVE_INFINITY
  let isOutdated = true
  let isReading = false

  const refresh = async () => {
    isOutdated = true
    if (isReading) return
    isReading = true
    while (isOutdated) {
      isOutdated = false
      if (await read()) continue
      isOutdated = true
      break
    }
    isReading = false
  }

  const read = async (): Promise<boolean> => {
    counters.reads++
    try {
      const raw = await new Promise<RawRecord>((resolve) => source(BANS_NAME, resolve))
      if (raw.kind === "failed") throw raw.err
      if (raw.kind === "there") {
        const { epoch, revision, record } = decodeBanSet(raw.value)
        accept({ epoch, revision }, record ?? NO_BANS)
      } else if (raw.marker !== null) {
        // Within its epoch a record only vanishes if Redis lost a write that we have seen.
        if (Number(raw.marker) > version.epoch) accept({ epoch: Number(raw.marker), revision: 0 }, NO_BANS)
      } else {
        throw new Error("no bans in a Redis that is not known to be complete")
      }
      readAtMs = now()
      return true
    } catch (err) {
      counters.failures++
      onFailure(err)
      return false
    }
  }

  const accept = (found: RecordVersion, bans: BanSet) => {
    if (isNewer(version, found)) return
    version = found
    // So that "nothing is banned" is always the same object.
    set = bans.hosts.size + bans.domains.size + bans.workspaces.size === 0 ? NO_BANS : bans
    isBanned.forget()
  }
  // To parse an address takes 0.8 µs, and most visits lead where one before them led.
  const isBanned = memoise((url) => isTargetBanned(set, url))
  const bansTarget = (url: string) => set !== NO_BANS && isBanned(url)

  const ageMs = (nowMs: number) => nowMs - readAtMs
  const timer = setInterval(() => {
    if (isOutdated || ageMs(now()) >= refreshMs || !changes.isLive(now())) void refresh()
  }, CHECK_MS).unref()

  return {
    get isKnown() {
      return version !== NEVER
    },
    bansDomain: (domain) => set !== NO_BANS && isDomainBanned(set, domain),
    bansTarget,
    bansAnswer: (link, decision, location) =>
      set !== NO_BANS && addressesOf(link, decision, location).some(bansTarget),
    refresh,
    get version() {
      return version
    },
    get set() {
      return set
    },
    ageMs,
    counters,
    stop: () => clearInterval(timer),
  }
}
