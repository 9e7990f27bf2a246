import { REPORTS_KEY } from "@qiao/core/keys.ts"
import { Redis } from "ioredis"
import type { Logger } from "pino"
import { z } from "zod"
import type { Db } from "../db/connect.ts"
import { keepTrying } from "../keep-trying.ts"
import { FAIL_FAST } from "../redis.ts"
import { type NewReport, storeReports } from "../repositories/reports.ts"

/*
 * Brings what visitors reported from the stream into Postgres.
 *
 * States of an entry: waiting → stored (under the edge's id, so once) → deleted. What fails between two of these is done again, and
 * several ingests may do it at once. What is no report goes from waiting to deleted, with a line in the log.
 */

export type ReportMetrics = { reports: number; reportsDropped: number; reportFailures: number }

export const noReportMetrics = (): ReportMetrics => ({ reports: 0, reportsDropped: 0, reportFailures: 0 })

export type ReportDeps = {
  db: Db
  redisUrl: string
  log: Logger
  now: () => number
  metrics: ReportMetrics
}

const READ_MAX = 100
const BLOCK_MS = 500
const RETRY_MS = 500

/** Brings reports until the signal aborts. */
export function runReporting(deps: ReportDeps, signal: AbortSignal): Promise<void> {
  const onFailure = (err: unknown) => {
    deps.metrics.reportFailures++
    deps.log.warn({ err }, "storing reports failed; trying again")
  }
  return keepTrying(() => drain(deps, signal), { signal, pauseMs: RETRY_MS, onFailure })
}

async function drain(deps: ReportDeps, signal: AbortSignal): Promise<void> {
  // A connection of its own, as its reads wait.
  const redis = new Redis(deps.redisUrl, { ...FAIL_FAST, retryStrategy: () => null, lazyConnect: true })
  redis.on("error", () => {})
  try {
    await redis.connect()
    while (!signal.aborted) await storeWaiting(deps, redis)
  } finally {
    redis.disconnect()
  }
}

async function storeWaiting({ db, log, now, metrics }: ReportDeps, redis: Redis): Promise<void> {
  // From the beginning: what was stored is deleted.
  const reply = await redis.xread("COUNT", READ_MAX, "BLOCK", BLOCK_MS, "STREAMS", REPORTS_KEY, "0")
  const entries = reply?.[0]?.[1] ?? []
  if (entries.length === 0) return
  const reports: NewReport[] = []
  for (const [entry, fields] of entries) {
    const parsed = entrySchema.safeParse(pairsOf(fields))
    if (parsed.success) {
      reports.push(toReport(parsed.data, now()))
    } else {
      metrics.reportsDropped++
      log.warn({ entry, wrong: parsed.error.issues.map(({ path }) => path.join("/")) }, "dropped a report")
    }
  }
  metrics.reports += await storeReports(db, reports)
  await redis.xdel(REPORTS_KEY, ...entries.map(([entry]) => entry))
}

/** What Postgres can hold, and no more of it than an edge sends. */
const words = (max: number, min = 0) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !value.includes("\0"))

const entrySchema = z.object({
  id: words(64, 1),
  at: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
  host: words(253, 1),
  code: words(256, 1),
  linkId: words(100, 1),
  reason: words(50, 1),
  details: words(2_000),
  language: words(35),
  network: words(50),
})

function toReport({ id, at, ...rest }: z.output<typeof entrySchema>, nowMs: number): NewReport {
  return { ...rest, edgeId: id, reportedAt: new Date(Math.min(at, nowMs)) }
}

function pairsOf(fields: string[]): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: fields.length >> 1 }, (_, i) => [fields[2 * i] ?? "", fields[2 * i + 1] ?? ""]),
  )
}
