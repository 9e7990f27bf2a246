import type { ClickStreams } from "./click-streams.ts"
import type { ClickRecorder } from "./clicks.ts"
import { byKey, type Expose } from "./expose.ts"
import type { Spill } from "./spill.ts"

export type ClickSources = { clicks: ClickRecorder; streams: ClickStreams; spill: Spill | null }

/** What became of the visits: accepted = sent + waiting + spilled + dropped. */
export function exposeClicks({ counter, gauge }: Expose, { clicks, streams, spill }: ClickSources): void {
  counter("qiao_edge_visits_total", "Visits by their way", ["state"], () => {
    const { accepted, sent, dropped } = clicks.counters
    return byKey("state", { accepted, sent, dropped })
  })
  gauge("qiao_edge_visits_waiting", "Visits in memory", () => clicks.counters.waiting)
  gauge("qiao_edge_visits_spilled", "Visits of this process in its spill", () => clicks.counters.spilled)
  counter(
    "qiao_edge_former_visits_total",
    "Visits that former processes spilled, and that were sent",
    [],
    () => [[{}, clicks.counters.formerSent]],
  )
  counter("qiao_edge_click_batches_total", "Batches by what became of them", ["result"], () => {
    const { batches, replayedBatches, spilledBatches } = clicks.counters
    const { failures } = streams
    return byKey("result", {
      sent: batches - replayedBatches,
      replayed: replayedBatches,
      spilled: spilledBatches,
      failed: failures,
    })
  })
  gauge(
    "qiao_edge_click_stream_length",
    "Batches in this process's stream, when it last heard",
    () => streams.length(clicks.partition),
    "max",
  )
  if (spill !== null) exposeSpill({ counter, gauge }, spill)
}

function exposeSpill({ counter, gauge }: Pick<Expose, "counter" | "gauge">, spill: Spill): void {
  gauge(
    "qiao_edge_spill_open",
    "1 while the folder is this process's",
    () => Number(spill.counters.isOpen),
    "min",
  )
  gauge("qiao_edge_spill_bytes", "Of all segments, corrupt ones included", () => spill.counters.bytes)
  gauge("qiao_edge_spill_segments", "Segments that are not replayed yet", () => spill.counters.segments)
  counter(
    "qiao_edge_spill_faults_total",
    "Writes that failed, and segments that do not end well",
    ["fault"],
    () => {
      const { failures, tornTails, corruptSegments } = spill.counters
      return byKey("fault", { write: failures, torn_tail: tornTails, corrupt_segment: corruptSegments })
    },
  )
}
