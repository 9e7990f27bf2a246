import type pg from "pg"
import { dropPartitions } from "../upkeep/partitions.ts"

/** Drops the batches of days before this one. Which of them came is known to their instances from then on, for as long as these are. */
export const dropBatches = (client: pg.ClientBase, firstKept: string): Promise<void> =>
  dropPartitions(client, "click_batches", firstKept, (partition) => handOver(client, partition))

/**
 * Nobody adds to a day that is closed, so those who claim batches go on while it is read. They hold click_batches before they lock
 * instances: so does this, or they could wait for each other in a circle.
 */
async function handOver(client: pg.ClientBase, partition: string): Promise<void> {
  const { rows } = await client.query<{ instance: string; known: string }>(sequencesIn(partition))
  await client.query("lock table only click_batches in access exclusive mode")
  await client.query(
    `update edge_instances e set known = e.known + d.known::int8multirange
     from unnest($1::text[], $2::text[]) as d (instance, known) where e.instance = d.instance`,
    [rows.map(({ instance }) => instance), rows.map(({ known }) => known)],
  )
}

/** Runs of sequences first: range_agg keeps what it is given in memory, 100 MB for 1.7 million batches. */
const sequencesIn = (partition: string): string => `
  with numbered as (
    select instance, sequence, sequence - row_number() over (partition by instance order by sequence) as run
    from ${partition}
  ), runs as (
    select instance, int8range(min(sequence), max(sequence), '[]') as run from numbered group by instance, run
  )
  select instance, range_agg(run)::text as known from runs group by instance`
