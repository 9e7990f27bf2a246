import { markerKeyOf } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Waits } from "./waits.ts"

/** What Redis holds under a key; if nothing, the completeness marker of its bucket at the same moment; or why nobody knows. */
export type RawRecord = { kind: "there"; value: string } | { kind: "absent"; marker: string | null } | Failed

type Failed = { kind: "failed"; err: unknown }

/** `take` is called once, later, and must not throw. Redis fails, too, when it misses the deadline of `waits`. */
export type RecordSource = (key: string, take: (raw: RawRecord) => void) => void

type Wanted = { key: string; take: (raw: RawRecord) => void }

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

  const mget = (keys: string[]) =>
    waits.withDeadline(redis.mget(keys)).catch((err: unknown): Failed => ({ kind: "failed", err }))

  const fail = (some: Wanted[], failed: Failed) => {
    for (const { take } of some) take(failed)
  }

  /** Most are there, and need no marker: it is read where it counts, else every miss would cost a tenth more. */
  const read = async (some: Wanted[]) => {
    const values = await mget(some.map(({ key }) => key))
    if (!Array.isArray(values)) return fail(some, values)
    const absent = some.filter(({ take }, i) => {
      const value = values[i] ?? null
      if (value !== null) take({ kind: "there", value })
      return value === null
    })
    if (absent.length > 0) await readWithMarkers(absent)
  }

  /** Anew, since an absence and its marker must be of one moment. */
  const readWithMarkers = async (some: Wanted[]) => {
    const names = some.map(({ key }) => key)
    const keys = [...names, ...new Set(names.map(markerKeyOf))]
    const values = await mget(keys)
    if (!Array.isArray(values)) return fail(some, values)
    const held = new Map(keys.map((key, i) => [key, values[i] ?? null]))
    for (const { key, take } of some) {
      const value = held.get(key) ?? null
      if (value !== null) take({ kind: "there", value })
      else take({ kind: "absent", marker: held.get(markerKeyOf(key)) ?? null })
    }
  }

  return (key, take) => {
    if (wanted.length === 0) setImmediate(readAll)
    wanted.push({ key, take })
  }
}
