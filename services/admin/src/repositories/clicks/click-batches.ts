import type { BatchHeader } from "@qiao/core/click.ts"
import type pg from "pg"

const DAY_MS = 86_400_000

/**
 * Ids of batches that come after the horizon, or from a clock that is days ahead, have one time for all of them, which lies in the
 * default partition: copies meet there whenever they come.
 */
const PAST_MS = 0
const FUTURE_MS = Date.UTC(9999, 0)

export type Clock = { nowMs: number; horizonMs: number }

export const isExpired = ({ sealedAtMs }: BatchHeader, { nowMs, horizonMs }: Clock): boolean =>
  sealedAtMs < nowMs - horizonMs

/** The time that is part of a batch's id. */
export function idTimeOf(batch: BatchHeader, clock: Clock): number {
  if (isExpired(batch, clock)) return PAST_MS
  return batch.sealedAtMs > clock.nowMs + DAY_MS ? FUTURE_MS : batch.sealedAtMs
}

/** By which of these it is known depends on when it came. */
export const idTimesOf = ({ sealedAtMs }: BatchHeader): number[] => [
  Math.min(sealedAtMs, FUTURE_MS),
  PAST_MS,
  FUTURE_MS,
]

/** The batches whose ids were not known yet; from now on they are. In the order of their ids. */
export async function claimBatches<Batch extends BatchHeader>(
  client: pg.ClientBase,
  batches: Batch[],
  clock: Clock,
): Promise<Batch[]> {
  const known = await knownAmong(
    client,
    batches.filter((batch) => isExpired(batch, clock)),
  )
  const ids = batches
    .filter((batch) => !known.has(batch))
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

/**
 * Those that came before, whenever that was: by click_batches, and by their instance once the partition of their day is gone. No instance
 * uses a sequence twice.
 */
const knownAmong = <Batch extends BatchHeader>(
  client: pg.ClientBase,
  batches: Batch[],
): Promise<Set<Batch>> =>
  among(
    client,
    batches,
    `left join click_batches b using (sealed_at, instance, sequence) left join edge_instances e using (instance)
     where b.sequence is not null or e.known @> sequence`,
  )

/** Those that Postgres refused when they came for the first time; see dead-letters.ts. */
export const refusedAmong = <Batch extends BatchHeader>(
  client: pg.ClientBase,
  batches: Batch[],
): Promise<Set<Batch>> => among(client, batches, "join dead_letters using (sealed_at, instance, sequence)")

/** The batches any of whose ids `joined` leaves over. */
async function among<Batch extends BatchHeader>(
  client: pg.ClientBase,
  batches: Batch[],
  joined: string,
): Promise<Set<Batch>> {
  if (batches.length === 0) return new Set()
  const ids = batches.flatMap((batch) => idTimesOf(batch).map((timeMs) => ({ batch, timeMs })))
  const { rows } = await client.query<{ place: number }>(
    `select place from unnest($1::timestamptz[], $2::text[], $3::bigint[])
       with ordinality as came (sealed_at, instance, sequence, place) ${joined}`,
    [
      ids.map(({ timeMs }) => new Date(timeMs)),
      ids.map(({ batch }) => batch.instance),
      ids.map(({ batch }) => batch.sequence),
    ],
  )
  return new Set(rows.flatMap(({ place }) => ids[place - 1]?.batch ?? []))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
