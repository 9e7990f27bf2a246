import { OUTCOMES } from "@qiao/core/decide.ts"
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client"
import type { Bans } from "./bans.ts"
import type { Caps } from "./caps.ts"
import type { Changes } from "./changes.ts"
import type { ClickRecorder } from "./clicks.ts"
import type { RecordReader } from "./links.ts"
import { FIXED_PAGES } from "./pages/texts.ts"
import type { Passwords } from "./passwords.ts"
import type { Reports } from "./reports.ts"
import type { Waits } from "./waits.ts"

const RESULTS = [
  ...OUTCOMES,
  ...FIXED_PAGES,
  "root",
  "not_found_url",
  "preview",
  "report",
  "unreadable_form",
  "method_not_allowed",
  "robots",
  "site_file",
  "favicon",
] as const
export type Result = (typeof RESULTS)[number]

/** Answers by what they were. The hot path only adds one; Prometheus reads when it comes. */
export type Results = Record<Result, number>

export function createResults(): Results {
  return Object.fromEntries(RESULTS.map((result) => [result, 0])) as Results
}

export function createRegistry(sources: {
  results: Results
  readers: Record<string, RecordReader<object>>
  waits: Waits
  changes: Changes
  bans: Bans
  caps: Caps
  passwords: Passwords
  reports: Reports
  clicks: ClickRecorder
  now: () => number
}): Registry {
  const { results, readers, waits, changes, bans, caps, passwords, reports, clicks, now } = sources
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const counter = (name: string, help: string, labels: string[], read: () => Labelled[]) =>
    expose(Counter, registry, name, help, labels, read)
  const gauges = (name: string, help: string, labels: string[], read: () => Labelled[]) =>
    expose(Gauge, registry, name, help, labels, read)
  const gauge = (name: string, help: string, read: () => number) =>
    gauges(name, help, [], () => [[{}, read()]])

  counter("qiao_edge_requests_total", "Answers by what they were", ["result"], () => byKey("result", results))
  counter("qiao_edge_records_total", "Look-ups and reads of records", ["records", "event"], () =>
    Object.entries(readers).flatMap(([records, { counters }]) =>
      Object.entries(counters).map(([event, count]): Labelled => [{ records, event }, count]),
    ),
  )
  counter("qiao_edge_redis_deadlines_total", "Waits for Redis that ended at the deadline", [], () => [
    [{}, waits.deadlines],
  ])
  counter("qiao_edge_caps_total", "Reservations of maxClicks", ["answer"], () =>
    byKey("answer", caps.counters),
  )
  counter("qiao_edge_passwords_total", "Passwords that were given", ["answer"], () =>
    byKey("answer", passwords.counters),
  )
  counter("qiao_edge_reports_total", "Reports of links", ["answer"], () => byKey("answer", reports.counters))
  counter("qiao_edge_ban_reads_total", "Reads of the ban set, and those that failed", ["result"], () => {
    const { reads, failures } = bans.counters
    return byKey("result", { read: reads - failures, failed: failures })
  })
  counter(
    "qiao_edge_visits_total",
    "Visits by their way: accepted = sent + waiting + dropped",
    ["state"],
    () => {
      const { accepted, sent, dropped } = clicks.counters
      return byKey("state", { accepted, sent, dropped })
    },
  )
  counter("qiao_edge_click_batches_total", "XADDs acknowledged, and those that failed", ["result"], () => {
    const { batches, failures } = clicks.counters
    return byKey("result", { sent: batches, failed: failures })
  })
  gauges("qiao_edge_bans", "What is banned, but for single links", ["banned"], () => {
    const { hosts, domains, workspaces } = bans.set
    return byKey("banned", { hosts: hosts.size, domains: domains.size, workspaces: workspaces.size })
  })
  gauges("qiao_edge_ban_set_version", "Of the ban set that is in force", ["part"], () =>
    byKey("part", bans.version),
  )
  gauge("qiao_edge_ban_set_age_seconds", "Since the ban set was last read", () => bans.ageMs(now()) / 1_000)
  gauge("qiao_edge_visits_waiting", "Visits not yet acknowledged by Redis", () => clicks.counters.waiting)
  gauge("qiao_edge_in_flight", "Requests that wait for Redis", () => waits.count)
  gauges("qiao_edge_cached_records", "Records in the cache", ["records"], () =>
    Object.entries(readers).map(([records, { size }]): Labelled => [{ records }, size]),
  )
  gauges("qiao_edge_cached_bytes", "What they take of memory, estimated", ["records"], () =>
    Object.entries(readers).map(([records, { sizeBytes }]): Labelled => [{ records }, sizeBytes]),
  )
  gauge("qiao_edge_changes_live", "1 while changes are heard of", () => Number(changes.isLive(now())))
  gauge(
    "qiao_edge_heartbeat_age_seconds",
    "Since the publisher's last heartbeat",
    () => changes.heartbeatAgeMs(now()) / 1_000,
  )
  return registry
}

type Labelled = [labels: Record<string, string>, value: number]

function byKey(label: string, counts: Record<string, number>): Labelled[] {
  return Object.entries(counts).map(([key, count]) => [{ [label]: key }, count])
}

/** A metric that is only a view: filled when Prometheus asks. */
function expose(
  Metric: typeof Counter<string> | typeof Gauge<string>,
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  read: () => Labelled[],
): void {
  new Metric({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      for (const [labels, value] of read()) this.inc(labels, value)
    },
  })
}
