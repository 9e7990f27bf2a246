import type pg from "pg"
import type { Test } from "tap"
import { connectClient } from "../../src/db/connect.ts"
import { noUpkeepMetrics, type Retention, runUpkeep, type UpkeepMetrics } from "../../src/upkeep/upkeep.ts"
import { quiet } from "./publisher.ts"

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

export const RETENTION: Retention = {
  horizonMs: 72 * HOUR_MS,
  clickRetentionDays: 90,
  rollupQuartersDays: 35,
  rollupValuesMax: { ofLinks: 500, ofOthers: 500 },
}

/** A connection as upkeep has it, that the test closes. */
export async function connect(t: Test, databaseUrl: string): Promise<pg.Client> {
  const client = await connectClient(databaseUrl, () => {})
  t.teardown(() => client.end().catch(() => {}))
  return client
}

/** An upkeep as ingest's process runs it. */
export function startUpkeep(
  t: Test,
  databaseUrl: string,
  overrides: Partial<Retention> & { now?: () => number } = {},
): { metrics: UpkeepMetrics; stop(): Promise<void> } {
  const metrics = noUpkeepMetrics()
  const stopping = new AbortController()
  const deps = { databaseUrl, log: quiet, now: Date.now, metrics, ...RETENTION, ...overrides }
  const running = runUpkeep(deps, stopping.signal)
  const stop = async () => {
    stopping.abort()
    await running
  }
  t.teardown(stop)
  return { metrics, stop }
}

/** Rows of a statement, for those who look from outside. */
export async function ask<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await client.query<Row>(sql, values)).rows
}
