import { setTimeout as sleep } from "node:timers/promises"
import { withBench } from "../lib/bench.ts"
import { applyLoad } from "../load/load.ts"
import { zipfTraffic } from "../load/zipf-traffic.ts"
import { sumOf } from "../measure/metrics.ts"
import { memoryOfFamily } from "../measure/process-use.ts"
import { takeVisits } from "../measure/redis-use.ts"
import { requireRightLoad } from "../measure/right-answers.ts"
import type { Edge } from "../servers/edge.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"

/* Whether an edge's memory grows under a steady load, once its caches are full. */
const LINKS = 100_000
const CONNECTIONS = 64
const SAMPLE_SECONDS = 2
/** The least of so many samples: what a garbage collection leaves. */
const SAMPLES_A_WINDOW = 10
/** By then the tables are full, and what expired was read again several times. */
const WARM_UP_MINUTES = 5
/** After the warm-up; less says nothing. */
const MEASURED_MINUTES_MIN = 5
/** More is a leak. */
const GROWTH_MAX = 0.05

/** Megabytes. `growth` is null where the time was too short to tell. */
export type Memory = {
  minutes: number
  requestsPerSecond: number
  windows: MemoryWindow[]
  growth: { rss: Growth; heap: Growth } | null
}
export type MemoryWindow = { atMinutes: number; rssMb: number; heapMb: number }
/**
 * The most in the earlier and in the later half of the windows after the warm-up; `growth` is by which share of the one the other is above
 * it. The peaks, as memory is a saw-tooth: some full garbage collections in an hour give 100 MB back.
 */
export type Growth = { earlierMb: number; laterMb: number; growth: number; isSteady: boolean }

export function measureMemory(minutes: number): Promise<Memory> {
  return withBench(async (bench) => {
    const { edge, redis } = await startSeededEdge(bench, { links: LINKS })
    const traffic = await zipfTraffic(bench, LINKS)
    const load = applyLoad(
      { port: edge.port, traffic, connections: CONNECTIONS, seconds: minutes * 60 },
      bench.signal,
    )
    const windows = await watchMemory(edge, load, () => takeVisits(redis))
    const result = await load
    requireRightLoad(edge.name, result)
    const { requests, seconds } = result
    const isLong = minutes >= WARM_UP_MINUTES + MEASURED_MINUTES_MIN
    const warm = windows.filter(({ atMinutes }) => atMinutes >= WARM_UP_MINUTES)
    return {
      ...{ minutes, requestsPerSecond: requests / seconds, windows },
      growth: isLong
        ? { rss: growthOf(warm.map(({ rssMb }) => rssMb)), heap: growthOf(warm.map(({ heapMb }) => heapMb)) }
        : null,
    }
  })
}

/** Visits are taken meanwhile as ingest takes them, or the edge would end by spilling. */
async function watchMemory(
  edge: Edge,
  load: Promise<unknown>,
  ingest: () => Promise<unknown>,
): Promise<MemoryWindow[]> {
  let isOver = false
  const end = load.finally(() => {
    isOver = true
  })
  end.catch(() => {}) // It is awaited below.
  const startedMs = performance.now()
  const windows: MemoryWindow[] = []
  for (let i = 0; !isOver; i++) {
    await Promise.race([sleep(SAMPLE_SECONDS * 1_000), end])
    const rssMb = memoryOfFamily(edge.pid)
    const heapMb = sumOf(await edge.metrics(), "nodejs_heap_size_used_bytes") / 2 ** 20
    await ingest()
    const window = windows.at(-1)
    if (window === undefined || i % SAMPLES_A_WINDOW === 0) {
      windows.push({ atMinutes: (performance.now() - startedMs) / 60_000, rssMb, heapMb })
    } else {
      window.rssMb = Math.min(window.rssMb, rssMb)
      window.heapMb = Math.min(window.heapMb, heapMb)
    }
  }
  return windows
}

function growthOf(mb: number[]): Growth {
  const half = Math.ceil(mb.length / 2)
  const earlierMb = Math.max(...mb.slice(0, half))
  const laterMb = Math.max(...mb.slice(half))
  const growth = laterMb / earlierMb - 1
  return { earlierMb, laterMb, growth, isSteady: growth <= GROWTH_MAX }
}
