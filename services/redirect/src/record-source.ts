import { markerKeyOf } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Waits } from "./waits.ts"

/** `value` and the completeness marker of its bucket as they were at one moment, null for what is not there; or why nobody knows. */
export type RawRecord =
  | { kind: "read"; value: string | null; marker: string | null }
  | { kind: "failed"; err: unknown }

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

  const read = async (some: Wanted[]) => {
    const keys = some.map(({ key }) => key)
    // Many records share a marker.
    const markers = new Map<string, number>()
    const markerPlaces = some.map(({ key }) => {
      const marker = markerKeyOf(key)
      const place = markers.get(marker) ?? keys.push(marker) - 1
      markers.set(marker, place)
      return place
    })
    const values = await waits.withDeadline(redis.mget(keys)).catch((err: unknown) => ({ err }))
    some.forEach(({ take }, i) => {
      if ("err" in values) take({ kind: "failed", err: values.err })
      else take({ kind: "read", value: values[i] ?? null, marker: values[markerPlaces[i] ?? -1] ?? null })
    })
  }

  return (key, take) => {
    if (wanted.length === 0) setImmediate(readAll)
    wanted.push({ key, take })
  }
}
