import type pg from "pg"

/** One at a time over all ingests. */
const PARTITIONS_LOCK = 7_103
const DAY_MS = 86_400_000
const DAYS_AHEAD = 3

/**
 * Makes the day partitions of raw visits and batch ids, from what the horizon still lets in to some days ahead, and drops those of batch
 * ids that the horizon has left behind.
 */
export async function ensurePartitions(
  client: pg.ClientBase,
  nowMs: number,
  horizonMs: number,
): Promise<void> {
  // One more for the time between a visit and its batch, and for the clock to run on.
  const daysBehind = Math.ceil(horizonMs / DAY_MS) + 1
  await client.query("begin")
  try {
    await client.query("select pg_advisory_xact_lock($1)", [PARTITIONS_LOCK])
    for (let offset = -daysBehind; offset <= DAYS_AHEAD; offset++) {
      const from = day(nowMs + offset * DAY_MS)
      const to = day(nowMs + (offset + 1) * DAY_MS)
      // In the order in which ingests lock them.
      for (const table of ["click_batches", "visits"]) {
        const name = `${table}_${from.replaceAll("-", "")}`
        await client.query(
          `create table if not exists ${name} partition of ${table} for values from ('${from} 00:00Z') to ('${to} 00:00Z')`,
        )
      }
    }
    const kept = `click_batches_${day(nowMs - (daysBehind + 1) * DAY_MS).replaceAll("-", "")}`
    const { rows } = await client.query<{ name: string }>(
      "select relname as name from pg_class where relkind = 'r' and relname ~ '^click_batches_[0-9]{8}$' and relname < $1",
      [kept],
    )
    for (const { name } of rows) await client.query(`drop table ${name}`)
    await client.query("commit")
  } catch (err) {
    await client.query("rollback").catch(() => {})
    throw err
  }
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
