import type { ClickBatch } from "@qiao/core/click.ts"
import type pg from "pg"

const DAY_MS = 86_400_000

/**
 * Ids of batches that come after the horizon, or from a clock that is days ahead, have one time for all of them, which lies in the
 * default partition: copies meet there whenever they come.
 */
const PAST_MS = 0
const FUTURE_MS = Date.UTC(9999, 0)

export type Clock = { nowMs: number; horizonMs: number }

export const isExpired = ({ sealedAtMs }: ClickBatch, { nowMs, horizonMs }: Clock): boolean =>
  sealedAtMs < nowMs - horizonMs

/** The time that is part of a batch's id. */
export function idTimeOf(batch: ClickBatch, clock: Clock): number {
  if (isExpired(batch, clock)) return PAST_MS
  return batch.sealedAtMs > clock.nowMs + DAY_MS ? FUTURE_MS : batch.sealedAtMs
}

/** By which of these it is known depends on when it came. */
export const idTimesOf = ({ sealedAtMs }: ClickBatch): number[] => [
  Math.min(sealedAtMs, FUTURE_MS),
  PAST_MS,
  FUTURE_MS,
]

/** The batches whose ids were not known yet; from now on they are. In the order of their ids. */
export async function claimBatches(
  client: pg.ClientBase,
  batches: ClickBatch[],
  clock: Clock,
): Promise<ClickBatch[]> {
  const ids = batches
    .map((batch) => ({
      ...{ batch, timeMs: idTimeOf(batch, clock), instance: batch.instance, sequence: batch.sequence },
    }))
    .sort((a, b) => a.timeMs - b.timeMs || compare(a.instance, b.instance) || a.sequence - b.sequence)
  const { rows } = await client.query<{ sealed_at: Date; instance: string; sequence: number }>({
    name: "claim-batches",
    text: `
      insert into click_batches (sealed_at, instance, sequence)
      select * from unnest($1::timestamptz[], $2::text[], $3::bigint[])
      on conflict do nothing returning sealed_at, instance, sequence`,
    values: [
      ids.map((id) => new Date(id.timeMs)),
      ids.map((id) => id.instance),
      ids.map((id) => id.sequence),
    ],
  })
  const nameOf = (timeMs: number, instance: string, sequence: number) => `${timeMs}/${sequence}/${instance}`
  const claimed = new Set(rows.map((row) => nameOf(row.sealed_at.getTime(), row.instance, row.sequence)))
  // Taken out once met, as two copies of a batch may have come in one read.
  return ids
    .filter(({ timeMs, instance, sequence }) => claimed.delete(nameOf(timeMs, instance, sequence)))
    .map(({ batch }) => batch)
}

/** Those that Postgres refused when they came for the first time; see dead-letters.ts. */
export async function refusedAmong(
  client: pg.ClientBase,
  batches: ClickBatch[],
  clock: Clock,
): Promise<Set<ClickBatch>> {
  if (batches.length === 0) return new Set()
  const { rows } = await client.query<{ place: number }>(
    `select place from unnest($1::timestamptz[], $2::text[], $3::bigint[])
       with ordinality as known (sealed_at, instance, sequence, place)
     join dead_letters using (sealed_at, instance, sequence)`,
    [
      batches.map((batch) => new Date(idTimeOf(batch, clock))),
      batches.map(({ instance }) => instance),
      batches.map(({ sequence }) => sequence),
    ],
  )
  return new Set(rows.flatMap(({ place }) => batches[place - 1] ?? []))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
