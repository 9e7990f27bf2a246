import { type BatchHeader, createBatchWriter, type RecordedVisit } from "@qiao/core/click.ts"
import { clickStreamKey } from "@qiao/core/keys.ts"
import { recurringText } from "@qiao/core/recurring-text.ts"
import { recurringVisitor } from "@qiao/core/visitor.ts"
import type { Redis } from "ioredis"
import { sql } from "kysely"
import type { Test } from "tap"
import { waitFor } from "../../../test/support/wait.ts"
import { connectDb, type Db } from "../../src/db/connect.ts"
import {
  createIngestTurns,
  type IngestDeps,
  type IngestMetrics,
  noIngestMetrics,
  runPartition,
} from "../../src/ingest/ingesting.ts"
import { noReportMetrics, runReporting } from "../../src/ingest/reporting.ts"
import { quiet } from "./publisher.ts"

const NOWHERE = { country: "", region: "", city: "", isp: "" }
const HOUR_MS = 3_600_000

type Stores = { databaseUrl: string; redisUrl: string }

export type TestIngest = { metrics: IngestMetrics; stop(): Promise<void> }

/** An ingest of some partitions, as its process runs it. */
export function startIngest(
  t: Test,
  stores: Stores,
  { partitions = [0], ...overrides }: Partial<IngestDeps> & { partitions?: number[] } = {},
): TestIngest {
  const metrics = noIngestMetrics()
  const deps: IngestDeps = {
    ...{ ...stores, log: quiet, now: Date.now, batchesMax: 50, horizonMs: 72 * HOUR_MS, metrics },
    deadLettersMs: 90 * 24 * HOUR_MS,
    placeOf: () => NOWHERE,
    turns: createIngestTurns(),
    ...overrides,
  }
  const stopping = new AbortController()
  const running = partitions.map((partition) => runPartition(deps, partition, stopping.signal))
  const stop = async () => {
    stopping.abort()
    await Promise.all(running)
  }
  t.teardown(stop)
  return { metrics, stop }
}

/** What brings reports to Postgres, as the ingest's process runs it. */
export function startReporting(t: Test, { databaseUrl, redisUrl }: Stores) {
  const metrics = noReportMetrics()
  const db = connectDb(databaseUrl, 1, () => undefined)
  const stopping = new AbortController()
  const running = runReporting({ db, redisUrl, log: quiet, now: Date.now, metrics }, stopping.signal)
  t.teardown(async () => {
    stopping.abort()
    await running
    await db.destroy()
  })
  return { metrics }
}

export const ANDROID = {
  platform: "wechat",
  os: "android",
  device: "phone",
  browser: "chrome",
  automated: false,
} as const

export function visit(linkId: string, more: Partial<RecordedVisit> = {}): RecordedVisit {
  const visitor = { ...ANDROID, id: "v" }
  const rest = { language: "zh-CN", referrer: "mp.weixin.qq.com", ip: "203.0.113.77" }
  const decided = { outcome: "redirect", rule: "", variant: "", guideToken: "" } as const
  return {
    linkId,
    atMs: Date.now(),
    automated: false,
    synthetic: false,
    visitor,
    ...rest,
    ...decided,
    ...more,
  }
}

export function seal(
  visits: RecordedVisit[],
  header: Partial<BatchHeader> = {},
  orphans: [host: string, path: string][] = [],
): string {
  const writer = createBatchWriter()
  for (const { linkId, visitor, ...visit } of visits)
    writer.add({ ...visit, link: recurringText(linkId), visitor: recurringVisitor(visitor) })
  for (const [host, path] of orphans) writer.addOrphan(host, path)
  const counters = { accepted: visits.length, spilled: 0, dropped: 0 }
  const rest = { instance: "edge-1", sequence: 1, sealedAtMs: Date.now(), isFinal: false }
  return writer.seal({ ...rest, counters, ...header })
}

export function send(redis: Redis, sealed: string, partition = 0) {
  return redis.xadd(clickStreamKey(partition), "*", "b", sealed)
}

/** Everything in the streams is stored or dead-lettered, and acknowledged. */
export function drained(redis: Redis, partitions = [0], timeoutMs = 15_000) {
  const isEmpty = async () => {
    const lengths = await Promise.all(partitions.map((partition) => redis.xlen(clickStreamKey(partition))))
    return lengths.every((length) => length === 0)
  }
  return waitFor("the streams to be drained", isEmpty, { timeoutMs })
}

type Counts = { visits: number; automated: number; clicks: number }

/** Each of them has every visit. */
const WHOLE_FAMILIES = ["total", "client", "place", "language", "referrer", "decision"]

/** The same counts by every way Postgres has them, for one link or for all. Synthetic visits are in none of them. */
export async function countsOf(db: Db, linkId: string | null = null) {
  const one = async (query: ReturnType<typeof sql<Counts>>) => (await query.execute(db)).rows[0]
  const raw = await one(sql<Counts>`
    select count(*)::int as visits, (count(*) filter (where automated))::int as automated,
      (count(*) filter (where outcome = 'redirect' and not automated))::int as clicks
    from visits where not synthetic and (${linkId}::text is null or link_id = ${linkId})`)
  const totals = await one(sql<Counts>`
    select coalesce(sum(visits), 0)::int as visits, coalesce(sum(automated), 0)::int as automated,
      coalesce(sum(clicks), 0)::int as clicks
    from link_totals where ${linkId}::text is null or link_id = ${linkId}`)
  const rollups = await Promise.all(
    WHOLE_FAMILIES.map(async (family) => [
      family,
      await one(sql<Counts>`
      select coalesce(sum(visits), 0)::int as visits, coalesce(sum(automated), 0)::int as automated,
        coalesce(sum(clicks), 0)::int as clicks
      from visit_quarters
      where family = ${family} and scope_id like 'lnk%' and (${linkId}::text is null or scope_id = ${linkId})`),
    ]),
  )
  return { raw, totals, rollups: Object.fromEntries(rollups) as Record<string, Counts> }
}

/** Asserts that every way of counting says the same. */
export async function expectCounts(t: Test, db: Db, expected: Partial<Counts>, linkId: string | null = null) {
  const counts = await countsOf(db, linkId)
  t.match(counts.raw, expected, "raw visits")
  t.same(counts.totals, counts.raw, "totals are the raw visits")
  for (const [family, sum] of Object.entries(counts.rollups))
    t.same(sum, counts.raw, `rollups by ${family} are the raw visits`)
}
