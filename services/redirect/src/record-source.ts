import { markerKeyOf } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import type { Waits } from "./waits.ts"

/** As they were at one moment; null for what is not there. */
export type RawRecord = { value: string | null; marker: string | null }

/** Reads a record and the completeness marker of its bucket; rejects when Redis fails or misses the deadline of `waits`. */
export type RecordSource = (key: string) => Promise<RawRecord>

type Wanted = { key: string } & PromiseWithResolvers<RawRecord>

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
    try {
      const values = await waits.withDeadline(redis.mget(keys))
      for (const [i, { resolve }] of some.entries()) {
        resolve({ value: values[i] ?? null, marker: values[markerPlaces[i] ?? -1] ?? null })
      }
    } catch (err) {
      for (const { reject } of some) reject(err)
    }
  }

  return (key) => {
    if (wanted.length === 0) setImmediate(readAll)
    const one = { key, ...Promise.withResolvers<RawRecord>() }
    wanted.push(one)
    return one.promise
  }
}
