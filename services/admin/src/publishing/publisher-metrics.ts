import { Counter, Gauge, type Registry } from "prom-client"
import type { Db } from "../db/connect.ts"
import { countDue } from "../repositories/publications.ts"
import type { PublisherMetrics } from "./publishing.ts"

/** The publisher's own counters, and how far Redis is behind Postgres. */
export function publisherMetrics(registry: Registry, db: Db, counts: PublisherMetrics): void {
  const registers = [registry]
  const counter = (name: keyof PublisherMetrics, help: string) =>
    new Counter({
      name: `qiao_publisher_${name}_total`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(counts[name])
      },
    })
  counter("published", "Records written to Redis")
  counter("failures", "Batches that failed and are tried again")
  counter("refills", "Times Redis was filled anew")
  const age = new Gauge({
    name: "qiao_publisher_lag_seconds",
    help: "How long the oldest due record has waited",
    registers,
  })
  new Gauge({
    name: "qiao_publisher_due",
    help: "Records that wait to be published",
    registers,
    async collect() {
      // Postgres away: the last values stay, and all other metrics still come.
      const counted = await countDue(db).catch(() => null)
      if (counted === null) return
      this.set(counted.due)
      age.set(counted.oldestSeconds)
    },
  })
}
