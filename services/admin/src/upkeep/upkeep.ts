import { setTimeout as delay } from "node:timers/promises"
import type pg from "pg"
import type { Logger } from "pino"
import { DAY_MS, dayOf } from "../days.ts"
import { connectClient } from "../db/connect.ts"
import { LOCKS } from "../db/locks.ts"
import { keepTrying } from "../keep-trying.ts"
import { dropBatches } from "../repositories/clicks/known-batches.ts"
import { compactRollups } from "../repositories/upkeep/compaction.ts"
import { dropQuarters, foldQuarters, type ValuesMax } from "../repositories/upkeep/folding.ts"
import { foldMonths } from "../repositories/upkeep/months.ts"
import {
  closedUntil,
  dropPartitions,
  ensurePartitions,
  firstOpenDay,
} from "../repositories/upkeep/partitions.ts"
import * as retention from "../repositories/upkeep/retention.ts"
import { eraseNext } from "./erasing.ts"

/*
 * Keeps Postgres in order: partitions ahead, rows of counts made one, quarters folded into days and days into months, what is kept no
 * longer dropped, and what is to be erased erased.
 *
 * States: free → owned (a session lock on the very connection that does the work, so that losing one loses the other) → free again on
 * any error, with a pause. An owner does everything at once and then each hour, makes rows one each minute, and erases whenever something
 * is asked for.
 *
 * Promise: every step can be cut off anywhere and is done again; nothing is dropped before what is counted from it is kept elsewhere.
 */

export type UpkeepMetrics = { upkeeps: number; upkeepFailures: number; erasures: number }

export const noUpkeepMetrics = (): UpkeepMetrics => ({ upkeeps: 0, upkeepFailures: 0, erasures: 0 })

/** How long what is kept. */
export type Retention = {
  horizonMs: number
  clickRetentionDays: number
  rollupQuartersDays: number
  rollupValuesMax: ValuesMax
}

export type UpkeepDeps = Retention & {
  databaseUrl: string
  log: Logger
  now: () => number
  metrics: UpkeepMetrics
}

/** Early enough that those who store never have to make a partition themselves. */
const DAYS_AHEAD = 3
const EVERY_MS = 3_600_000
const COMPACT_EVERY_MS = 60_000
const RETRY_MS = 30_000
const POLL_MS = 2_000
/** Folding a day is one statement. */
const STATEMENT_MAX_MS = 900_000

/** Does the upkeep, whenever nobody else does, until the signal aborts. */
export function runUpkeep(deps: UpkeepDeps, signal: AbortSignal): Promise<void> {
  const onFailure = (err: unknown) => {
    deps.metrics.upkeepFailures++
    deps.log.error({ err }, "upkeep failed; trying again")
  }
  return keepTrying(() => ownUpkeep(deps, signal), { signal, pauseMs: RETRY_MS, onFailure })
}

async function ownUpkeep(deps: UpkeepDeps, signal: AbortSignal): Promise<void> {
  const client = await connectClient(deps.databaseUrl, () => {}, STATEMENT_MAX_MS)
  // Ends what is under way, too: it is done again.
  const end = () => client.end().catch(() => {})
  signal.addEventListener("abort", end)
  try {
    while (!(await lockUpkeep(client))) await delay(POLL_MS, undefined, { signal })
    let [doneAtMs, compactedAtMs] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
    while (!signal.aborted) {
      try {
        if (deps.now() - doneAtMs >= EVERY_MS) {
          await keepUp(client, deps, deps.now())
          deps.metrics.upkeeps++
          doneAtMs = deps.now()
        }
      } finally {
        while (await eraseNext(client, deps.now)) deps.metrics.erasures++
      }
      if (deps.now() - compactedAtMs >= COMPACT_EVERY_MS) {
        await compactRollups(client, deps.now())
        compactedAtMs = deps.now()
      }
      await delay(POLL_MS, undefined, { signal })
    }
  } finally {
    signal.removeEventListener("abort", end)
    await end()
  }
}

async function lockUpkeep(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [
    LOCKS.upkeep,
  ])
  return rows[0]?.locked === true
}

/** Does what is due at `nowMs`. What one task cannot do keeps no other from being done; throws an AggregateError at the end. */
export async function keepUp(client: pg.ClientBase, options: Retention, nowMs: number): Promise<void> {
  const { horizonMs, clickRetentionDays, rollupQuartersDays, rollupValuesMax } = options
  const closedMs = closedUntil(nowMs, horizonMs)
  const firstOpen = firstOpenDay(nowMs, horizonMs)
  /** Of what is kept for so many days, while it is not among what may still arrive. */
  const firstKept = (days: number) => earlier(dayOf(nowMs - days * DAY_MS), firstOpen)
  const tasks = [
    () => ensurePartitions(client, nowMs, horizonMs, DAYS_AHEAD),
    () => foldQuarters(client, closedMs, rollupValuesMax),
    () => foldMonths(client, closedMs),
    () => dropQuarters(client, firstKept(rollupQuartersDays)),
    () => dropPartitions(client, "visits", firstKept(clickRetentionDays)),
    () => dropBatches(client, firstOpen),
    () => dropPartitions(client, "visitor_keys", firstOpen),
    () => retention.deleteSalts(client, nowMs, horizonMs),
    () => retention.deleteGuideTokens(client, nowMs),
    () => retention.deleteOrphans(client, nowMs),
    () => retention.limitOrphans(client),
    () => retention.deleteInstances(client, Math.min(nowMs - clickRetentionDays * DAY_MS, closedMs)),
    () => retention.deleteErasures(client, nowMs, closedMs),
  ]
  const failures: unknown[] = []
  for (const task of tasks) await task().catch((err) => failures.push(err))
  if (failures.length > 0) throw new AggregateError(failures, "some of the upkeep could not be done")
}

const earlier = (a: string, b: string): string => (a < b ? a : b)
