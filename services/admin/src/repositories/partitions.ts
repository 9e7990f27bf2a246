import type pg from "pg"

/** One at a time over all ingests. */
const PARTITIONS_LOCK = 7_103
const DAY_MS = 86_400_000
const DAYS_BEHIND = 4
const DAYS_AHEAD = 3

/** Makes the day partitions of raw visits and batch ids, from what the horizon still lets in to some days ahead. */
export async function ensurePartitions(client: pg.ClientBase, nowMs: number): Promise<void> {
  await client.query("begin")
  try {
    await client.query("select pg_advisory_xact_lock($1)", [PARTITIONS_LOCK])
    for (let offset = -DAYS_BEHIND; offset <= DAYS_AHEAD; offset++) {
      const from = day(nowMs + offset * DAY_MS)
      const to = day(nowMs + (offset + 1) * DAY_MS)
      for (const table of ["visits", "click_batches"]) {
        const name = `${table}_${from.replaceAll("-", "")}`
        await client.query(
          `create table if not exists ${name} partition of ${table} for values from ('${from} 00:00Z') to ('${to} 00:00Z')`,
        )
      }
    }
    await client.query("commit")
  } catch (err) {
    await client.query("rollback").catch(() => {})
    throw err
  }
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
