import type { BatchHeader } from "@qiao/core/click.ts"
import { sql } from "kysely"
import type pg from "pg"
import type { Trx } from "../../db/connect.ts"
import { countInstances } from "../../ingest/instance-counting.ts"
import { inTransaction } from "../transaction.ts"
import { type Clock, claimBatches, idTimeOf, idTimesOf } from "./click-batches.ts"
import { addInstances } from "./instance-counts.ts"

/*
 * What Postgres knows of a batch that it refused: its id is claimed, so that no copy of it is stored, and its visits are counted as
 * dead-lettered, which `dead_letters` remembers. Both are taken back together, for the batch to be delivered anew.
 */

/** `size`: how many visits it has. */
type SizedBatch = BatchHeader & { size: number }

/** Counts the visits of a batch that can never be stored, once, however often it comes. Throws what Postgres throws, with nothing counted. */
export async function countDeadLettered(
  client: pg.ClientBase,
  batch: SizedBatch,
  clock: Clock,
): Promise<void> {
  await inTransaction(client, async () => {
    const claimed = await claimBatches(client, [batch], clock)
    if (claimed.length > 0) await count(client, batch, clock)
  })
}

async function count(client: pg.ClientBase, batch: SizedBatch, clock: Clock): Promise<void> {
  const { instance, sequence, size } = batch
  const told = countInstances([batch], [], [], clock.nowMs)
  await addInstances(
    client,
    told.map((counts) => ({ ...counts, delivered: 0 })),
  )
  await client.query(
    `update edge_instances set dead_lettered = dead_lettered + $2, delivered_batches = delivered_batches + 1
     where instance = $1`,
    [instance, size],
  )
  await client.query(
    "insert into dead_letters (instance, sequence, sealed_at, visits) values ($1, $2, $3, $4)",
    [instance, sequence, new Date(idTimeOf(batch, clock)), size],
  )
}

/**
 * Takes back what `countDeadLettered` did, so that ingest stores the next copy as if it had never seen one. Nothing happens to a batch
 * that does not count as dead-lettered (any more).
 */
export async function uncountDeadLettered(trx: Trx, batch: BatchHeader): Promise<void> {
  const { instance, sequence } = batch
  const times = idTimesOf(batch).map((timeMs) => new Date(timeMs))
  const counted = await trx
    .deleteFrom("deadLetters")
    .where("instance", "=", instance)
    .where("sequence", "=", sequence)
    .where("sealedAt", "in", times)
    .returning(["sealedAt", "visits"])
    .executeTakeFirst()
  if (counted === undefined) return
  // In the order in which ingest locks them.
  await sql`
    delete from click_batches
    where sealed_at = ${counted.sealedAt} and instance = ${instance} and sequence = ${sequence}`.execute(trx)
  await trx
    .updateTable("edgeInstances")
    .set((eb) => ({
      deadLettered: eb("deadLettered", "-", counted.visits),
      deliveredBatches: eb("deliveredBatches", "-", 1),
    }))
    .where("instance", "=", instance)
    .execute()
}
