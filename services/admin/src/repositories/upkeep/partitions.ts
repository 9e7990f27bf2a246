import type pg from "pg"
import { DAY_MS, dayOf, daysAfter } from "../../days.ts"
import { LOCKS } from "../../db/locks.ts"
import { inTransaction } from "../transaction.ts"

/** Who waits for a table, to make or drop a partition, has everybody else wait behind. */
const LOCK_TIMEOUT_MS = 1_000
/** What those who store need in any case. */
const DAYS_AHEAD_MIN = 1

/**
 * A visit may be an hour older than its batch, by which the horizon goes. Another hour is for clocks that differ and transactions under
 * way.
 */
const LATE_MS = 2 * 3_600_000

/** Tables with a partition for each day of UTC, and how its midnight is written. */
const TABLES = {
  click_batches: " 00:00Z",
  visits: " 00:00Z",
  visitor_keys: "",
  quarter_rollups: " 00:00Z",
} as const

export type PartitionedTable = keyof typeof TABLES

/** Nothing can arrive any more that is from before this time. */
export const closedUntil = (nowMs: number, horizonMs: number): number => nowMs - horizonMs - LATE_MS

/** The first day that anything can arrive for, wherever on earth that day is. */
export const firstOpenDay = (nowMs: number, horizonMs: number): string =>
  dayOf(closedUntil(nowMs, horizonMs) - DAY_MS)

/** Makes the partitions that are missing, from the first open day to some days ahead. */
export async function ensurePartitions(
  client: pg.ClientBase,
  nowMs: number,
  horizonMs: number,
  daysAhead = DAYS_AHEAD_MIN,
): Promise<void> {
  const days: string[] = []
  const last = dayOf(nowMs + daysAhead * DAY_MS)
  for (let day = firstOpenDay(nowMs, horizonMs); day <= last; day = daysAfter(day, 1)) days.push(day)
  for (const table of Object.keys(TABLES) as PartitionedTable[]) {
    const known = new Set(await partitionDays(client, table))
    const missing = days.filter((day) => !known.has(day))
    // A transaction a table, or it could wait in a circle with those who read several.
    if (missing.length > 0) await changeTable(client, () => makePartitions(client, table, missing))
  }
}

async function makePartitions(client: pg.ClientBase, table: PartitionedTable, days: string[]): Promise<void> {
  const midnight = TABLES[table]
  for (const day of days) {
    await client.query(
      `create table if not exists ${partitionOf(table, day)} partition of ${table}
       for values from ('${day}${midnight}') to ('${daysAfter(day, 1)}${midnight}')`,
    )
  }
}

/** The days that a table has partitions of, in order. */
export async function partitionDays(client: pg.ClientBase, table: PartitionedTable): Promise<string[]> {
  const { rows } = await client.query<{ day: string }>(
    `select regexp_replace(relname, '^.*_(....)(..)(..)$', '\\1-\\2-\\3') as day
     from pg_inherits join pg_class on oid = inhrelid
     where inhparent = $1::regclass and relname ~ '_[0-9]{8}$' order by 1`,
    [table],
  )
  return rows.map(({ day }) => day)
}

/** Drops a table's partitions of days before this one, each in a transaction that begins with what `before` does with it. */
export async function dropPartitions(
  client: pg.ClientBase,
  table: PartitionedTable,
  firstKept: string,
  before: (partition: string) => Promise<unknown> = async () => {},
): Promise<void> {
  for (const day of await partitionDays(client, table)) {
    if (day >= firstKept) return
    const partition = partitionOf(table, day)
    await changeTable(client, async () => {
      // Another upkeep, whose owner does not know yet that it is none, may have been here.
      if (!(await partitionDays(client, table)).includes(day)) return
      await before(partition)
      await client.query(`drop table ${partition}`)
    })
  }
}

/** Gives up, to be tried again, when the table is in use for long. */
async function changeTable(client: pg.ClientBase, change: () => Promise<unknown>): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
    await client.query("select pg_advisory_xact_lock($1)", [LOCKS.tablePartitions])
    await change()
  })
}

const partitionOf = (table: PartitionedTable, day: string): string => `${table}_${day.replaceAll("-", "")}`
