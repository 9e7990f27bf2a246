import { markerKeyOf, recordKey } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Waits } from "./waits.ts"

/** What Redis holds of a record; if nothing, the completeness marker of its bucket at the same moment; or why nobody knows. */
export type RawRecord =
  | { kind: "there"; value: string }
  | { kind: "absent"; marker: string | null }
  | { kind: "failed"; err: unknown }

/** `take` is called once, later, and must not throw. Redis fails, too, when it misses the deadline of `waits`. */
export type RecordSource = (name: string, take: (raw: RawRecord) => void) => void

type Wanted = { key: string; take: (raw: RawRecord) => void; isTaken: boolean }

/** In one command, so that none keeps Redis from others for long. */
export const RECORDS_MAX = 100

/** Whatever is asked for in one turn of the event loop is read with one MGET: under load that is several for the price of one. */
export function createRecordSource(
  redis: Pick<Redis, "mget">,
  waits: Pick<Waits, "withDeadline">,
): RecordSource {
  let wanted: Wanted[] = []

  const readAll = () => {
    const all = wanted
    wanted = []
    for (let at = 0; at < all.length; at += RECORDS_MAX) void read(all.slice(at, at + RECORDS_MAX))
  }

  const read = async (some: Wanted[]) => {
    try {
      await waits.withDeadline(bring(some))
    } catch (err) {
      for (const one of some) hand(one, { kind: "failed", err })
    }
  }

  /** Most are there, and need no marker: it is read where it counts, else every miss would cost a tenth more. */
  const bring = async (some: Wanted[]) => {
    const values = await redis.mget(some.map(({ key }) => key))
    const absent = some.filter((one, i) => {
      const value = values[i] ?? null
      if (value !== null) hand(one, { kind: "there", value })
      return value === null
    })
    if (absent.length === 0) return
    // Anew, since an absence and its marker must be of one moment.
    const keys = absent.map(({ key }) => key)
    const all = [...keys, ...new Set(keys.map(markerKeyOf))]
    const again = await redis.mget(all)
    const held = new Map(all.map((key, i) => [key, again[i] ?? null]))
    for (const one of absent) {
      const value = held.get(one.key) ?? null
      if (value !== null) hand(one, { kind: "there", value })
      else hand(one, { kind: "absent", marker: held.get(markerKeyOf(one.key)) ?? null })
    }
  }

  return (name, take) => {
    if (wanted.length === 0) setImmediate(readAll)
    wanted.push({ key: recordKey(name), take, isTaken: false })
  }
}

/** What comes after the deadline is too late. */
function hand(one: Wanted, raw: RawRecord): void {
  if (one.isTaken) return
  one.isTaken = true
  one.take(raw)
}
