import { CLICK_GROUP, clickStreamKey, deadLetterKey, REPORTS_KEY } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import { Counter, Gauge, type Registry } from "prom-client"
import type { Db } from "../db/connect.ts"
import { sumAccounts } from "../repositories/clicks/edge-instances.ts"
import { countErasuresDue } from "../repositories/upkeep/erasures.ts"
import { readKept } from "../repositories/upkeep/kept.ts"
import type { UpkeepMetrics } from "../upkeep/upkeep.ts"
import { readOldestAt } from "./click-streams.ts"
import type { IngestMetrics } from "./ingesting.ts"
import type { ReportMetrics } from "./reporting.ts"

type Metrics = IngestMetrics & ReportMetrics & UpkeepMetrics

const HELP: Record<Exclude<keyof Metrics, "owned">, string> = {
  visits: "Visits stored",
  batches: "Batches handled, duplicates and expired ones included",
  duplicateBatches: "Copies of batches that were stored already",
  expiredVisits: "Visits that came after the horizon",
  deadLettered: "Batches that can never be stored",
  failures: "Times a partition was given up and taken again",
  reports: "Visitors' reports stored",
  reportsDropped: "Entries that are no reports",
  reportFailures: "Times reading or storing reports failed",
  upkeeps: "Times the upkeep was done, by the one ingest that does it",
  upkeepFailures: "Times the upkeep failed and was begun again",
  erasures: "Erasures finished",
}

type Deps = {
  redis: Redis
  db: Db
  partitions: number
  horizonMs: number
  counts: Metrics
  now: () => number
}

/** What this ingest did, how much waits in the streams and for how long, and what Postgres keeps. */
export function ingestMetrics(registry: Registry, deps: Deps): void {
  const { redis, db, partitions, horizonMs, counts, now } = deps
  const registers = [registry]
  for (const [field, help] of Object.entries(HELP)) {
    const name = `qiao_ingest_${snakeCase(field)}_total`
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(counts[field as keyof Metrics])
      },
    })
  }
  new Gauge({
    name: "qiao_ingest_partitions_owned",
    help: "Partitions this ingest owns",
    registers,
    collect() {
      this.set(counts.owned)
    },
  })
  gauge("qiao_ingest_backlog_reports", "Reports that wait in their stream", () => redis.xlen(REPORTS_KEY))
  perPartition("qiao_ingest_backlog_batches", "Batches that wait in a stream", (partition) =>
    redis.xlen(clickStreamKey(partition)),
  )
  perPartition(
    "qiao_ingest_backlog_seconds",
    "For how long the oldest batch of a stream waits",
    async (partition) => {
      const oldestAtMs = await readOldestAt(redis, partition)
      return oldestAtMs === null ? 0 : Math.max(0, now() - oldestAtMs) / 1_000
    },
  )
  perPartition(
    "qiao_ingest_pending_batches",
    "Batches that were read and are not acknowledged",
    async (partition) => {
      const [pending] = await redis.xpending(clickStreamKey(partition), CLICK_GROUP)
      return Number(pending)
    },
  )
  perPartition("qiao_ingest_dead_letters", "Batches in a dead-letter stream", (partition) =>
    redis.xlen(deadLetterKey(partition)),
  )
  gauge("qiao_ingest_erasures_due", "Erasures that are not finished", () => countErasuresDue(db))
  gauge(
    "qiao_ingest_unbalanced_instances",
    "Edges whose visits or batches do not add up or are lost, as /v1/stats/accounting tells",
    async () => (await sumAccounts(db, { nowMs: now(), horizonMs })).unbalanced,
  )
  new Gauge({
    name: "qiao_ingest_kept_timestamp_seconds",
    help: "Since or until when Postgres has or takes what, by the upkeep",
    registers,
    labelNames: ["what"],
    async collect() {
      const times = await readKept(db).catch(() => ({}))
      for (const [what, time] of Object.entries(times))
        this.set({ what: snakeCase(what) }, time.getTime() / 1_000)
    },
  })

  /** A value that cannot be had now stays as it was. */
  function gauge(name: string, help: string, read: () => Promise<number>): void {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const value = await read().catch(() => null)
        if (value !== null) this.set(value)
      },
    })
  }

  function perPartition(name: string, help: string, read: (partition: number) => Promise<number>): void {
    new Gauge({
      name,
      help,
      registers,
      labelNames: ["partition"],
      async collect() {
        for (let partition = 0; partition < partitions; partition++) {
          const value = await read(partition).catch(() => null)
          if (value !== null) this.set({ partition }, value)
        }
      },
    })
  }
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
