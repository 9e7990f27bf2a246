import { clickStreamKey, deadLetterKey, REPORTS_KEY } from "@qiao/core/keys.ts"
import type { Redis } from "ioredis"
import { Counter, Gauge, type Registry } from "prom-client"
import type { IngestMetrics } from "./ingesting.ts"
import type { ReportMetrics } from "./reporting.ts"

type Metrics = IngestMetrics & ReportMetrics

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
}

/** What this ingest did, and how much waits in the streams. */
export function ingestMetrics(registry: Registry, redis: Redis, partitions: number, counts: Metrics): void {
  const registers = [registry]
  for (const [field, help] of Object.entries(HELP)) {
    const name = `qiao_ingest_${field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_total`
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
  new Gauge({
    name: "qiao_ingest_backlog_reports",
    help: "Reports that wait in their stream",
    registers,
    async collect() {
      const length = await redis.xlen(REPORTS_KEY).catch(() => null)
      if (length !== null) this.set(length)
    },
  })
  backlog("qiao_ingest_backlog_batches", "Batches that wait in a stream", clickStreamKey)
  backlog("qiao_ingest_dead_letters", "Batches in a dead-letter stream", deadLetterKey)

  function backlog(name: string, help: string, keyOf: (partition: number) => string): void {
    new Gauge({
      name,
      help,
      registers,
      labelNames: ["partition"],
      async collect() {
        for (let partition = 0; partition < partitions; partition++) {
          const length = await redis.xlen(keyOf(partition)).catch(() => null)
          if (length !== null) this.set({ partition }, length)
        }
      },
    })
  }
}
