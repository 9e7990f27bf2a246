import { OUTCOMES } from "@qiao/core/decide.ts"
import { collectDefaultMetrics, Registry } from "prom-client"
import type { Bans } from "./bans.ts"
import type { Caps } from "./caps.ts"
import type { Changes } from "./changes.ts"
import { type ClickSources, exposeClicks } from "./click-metrics.ts"
import { byKey, createExpose, type Labelled } from "./expose.ts"
import type { RecordReader } from "./links.ts"
import { FIXED_PAGES } from "./pages/texts.ts"
import type { Passwords } from "./passwords.ts"
import type { Reports } from "./reports.ts"
import type { Synthetic } from "./synthetic.ts"
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

type Sources = ClickSources & {
  results: Results
  readers: Record<string, RecordReader<object>>
  waits: Waits
  changes: Changes
  bans: Bans
  caps: Caps
  passwords: Passwords
  reports: Reports
  synthetic: Synthetic
  now: () => number
}

export function createRegistry(sources: Sources): Registry {
  const { results, readers, waits, changes, bans, caps, passwords, reports, synthetic, now } = sources
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const expose = createExpose(registry)
  const { counter, gauge, gauges } = expose

  counter("qiao_edge_requests_total", "Answers by what they were", ["result"], () => byKey("result", results))
  counter("qiao_edge_records_total", "Look-ups and reads of records", ["records", "event"], () =>
    Object.entries(readers).flatMap(([records, { counters }]) =>
      Object.entries(counters).map(([event, count]): Labelled => [{ records, event }, count]),
    ),
  )
  counter("qiao_edge_redis_deadlines_total", "Waits for Redis that ended at the deadline", [], () => [
    [{}, waits.deadlines],
  ])
  counter(
    "qiao_edge_caps_total",
    "Whether one of maxClicks was left; open and closed: nobody could say",
    ["answer"],
    () => {
      const { granted, exhausted, open, closed } = caps.counters
      return byKey("answer", { granted, exhausted, open, closed })
    },
  )
  counter("qiao_edge_caps_missing_total", "Answers of caps where Redis had no counter", [], () => [
    [{}, caps.counters.missing],
  ])
  counter(
    "qiao_edge_synthetic_headers_total",
    "Signed headers of load tests and monitors",
    ["signature"],
    () => byKey("signature", synthetic.counters),
  )
  counter("qiao_edge_passwords_total", "Passwords that were given", ["answer"], () =>
    byKey("answer", passwords.counters),
  )
  counter("qiao_edge_reports_total", "Reports of links", ["answer"], () => byKey("answer", reports.counters))
  counter("qiao_edge_ban_reads_total", "Reads of the ban set, and those that failed", ["result"], () => {
    const { reads, failures } = bans.counters
    return byKey("result", { read: reads - failures, failed: failures })
  })
  exposeClicks(expose, sources)
  gauges(
    "qiao_edge_bans",
    "What is banned, but for single links",
    ["banned"],
    () => {
      const { hosts, domains, workspaces } = bans.set
      return byKey("banned", { hosts: hosts.size, domains: domains.size, workspaces: workspaces.size })
    },
    "min",
  )
  gauges(
    "qiao_edge_ban_set_version",
    "Of the ban set that is in force",
    ["part"],
    () => byKey("part", bans.version),
    "min",
  )
  gauge(
    "qiao_edge_ban_set_age_seconds",
    "Since the ban set was last read",
    () => bans.ageMs(now()) / 1_000,
    "max",
  )
  gauge("qiao_edge_in_flight", "Requests that wait for Redis", () => waits.count)
  gauges("qiao_edge_cached_records", "Records in the cache", ["records"], () =>
    Object.entries(readers).map(([records, { size }]): Labelled => [{ records }, size]),
  )
  gauges("qiao_edge_cached_bytes", "What they take of memory, estimated", ["records"], () =>
    Object.entries(readers).map(([records, { sizeBytes }]): Labelled => [{ records }, sizeBytes]),
  )
  gauge("qiao_edge_changes_live", "1 while changes are heard of", () => Number(changes.isLive(now())), "min")
  gauge(
    "qiao_edge_heartbeat_age_seconds",
    "Since the publisher's last heartbeat",
    () => changes.heartbeatAgeMs(now()) / 1_000,
    "max",
  )
  return registry
}
