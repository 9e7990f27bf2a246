import type pg from "pg"
import type { InstanceCounts } from "../../ingest/instance-counting.ts"

/**
 * What an instance counts only grows, so the greatest seen is the newest, in whatever order batches come; what goes up and down is taken
 * from the batch with the highest sequence.
 */
export async function addInstances(client: pg.ClientBase, instances: InstanceCounts[]): Promise<void> {
  await client.query({
    name: "add-instances",
    text: `
      insert into edge_instances as e (instance, accepted, dropped, spilled, last_sequence, stopped_at, last_at, stored,
        expired, batches, delivered_batches, duplicate_batches, first_at)
      select instance, accepted, dropped, spilled, last_sequence, case when is_stopped then last_at end, last_at, stored,
        expired, batches, delivered, delivered - batches, first_at
      from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bool[], $7::timestamptz[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::timestamptz[])
        as seen (instance, accepted, dropped, spilled, last_sequence, is_stopped, last_at, stored, expired, batches, delivered,
          first_at)
      on conflict (instance) do update set
        accepted = greatest(e.accepted, excluded.accepted), dropped = greatest(e.dropped, excluded.dropped),
        spilled = case when excluded.last_sequence > e.last_sequence then excluded.spilled else e.spilled end,
        stopped_at = case when excluded.last_sequence > e.last_sequence then excluded.stopped_at else e.stopped_at end,
        last_sequence = greatest(e.last_sequence, excluded.last_sequence), last_at = greatest(e.last_at, excluded.last_at),
        first_at = least(e.first_at, excluded.first_at),
        stored = e.stored + excluded.stored, expired = e.expired + excluded.expired,
        batches = e.batches + excluded.batches, delivered_batches = e.delivered_batches + excluded.delivered_batches,
        duplicate_batches = e.duplicate_batches + excluded.duplicate_batches`,
    values: [
      instances.map(({ instance }) => instance),
      instances.map(({ accepted }) => accepted),
      instances.map(({ dropped }) => dropped),
      instances.map(({ spilled }) => spilled),
      instances.map(({ lastSequence }) => lastSequence),
      instances.map(({ isStopped }) => isStopped),
      instances.map(({ lastAtMs }) => new Date(lastAtMs)),
      instances.map(({ stored }) => stored),
      instances.map(({ expired }) => expired),
      instances.map(({ batches }) => batches),
      instances.map(({ delivered }) => delivered),
      instances.map(({ firstAtMs }) => new Date(firstAtMs)),
    ],
  })
}
