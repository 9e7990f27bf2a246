/*
 * What an edge says of itself, asked from where its event loop cannot keep one waiting: another thread or process.
 *
 *   known ──get──► asked ──answered──► known
 *                    └─ PATIENCE_MS ──► late: `get` gives at once what was last said ──answered──► asked again after AGAIN_MS
 *
 * One question of a kind is under way at a time. While answers come late they are asked for each second, so that what was last said is
 * hardly older than that.
 */
export type Question = "isReady" | "metrics"
export type Answer<Metrics> = { isReady: boolean } | { metrics: Metrics }

/** One edge, as seen from outside. */
export type Status<Metrics> = {
  /** As it was last said, at most PATIENCE_MS after it was asked; false before. */
  isReady(): Promise<boolean>
  metrics(): Promise<Metrics>
  /** Without asking. */
  readonly lastMetrics: Metrics
  /** Since they were said. */
  metricsAgeMs(): number
  /** Whether no question has been waiting for longer than SILENCE_MAX_MS. */
  isLive(): boolean
  /** To be called with each answer that arrives. */
  hear(answer: Answer<Metrics>): void
  stop(): void
}

/** A metric of whoever asks. */
export const METRICS_AGE = {
  name: "qiao_edge_metrics_age_seconds",
  help: "Since an edge said its metrics: more than nothing if it is too busy to answer",
}

/** The ops port answers within 100 ms; what it does itself needs a part of that. */
const PATIENCE_MS = 60
const AGAIN_MS = 1_000
const SILENCE_MAX_MS = 10_000

/** `none`: the metrics of an edge that said none yet. */
export function followStatus<Metrics>(
  ask: (question: Question) => void,
  none: Metrics,
  now = () => performance.now(),
): Status<Metrics> {
  const readiness = follow(() => ask("isReady"), false, now)
  const metrics = follow(() => ask("metrics"), none, now)
  return {
    isReady: readiness.get,
    metrics: metrics.get,
    get lastMetrics() {
      return metrics.last
    },
    metricsAgeMs: metrics.ageMs,
    isLive() {
      readiness.ask()
      return readiness.silenceMs() < SILENCE_MAX_MS
    },
    hear(answer) {
      if ("metrics" in answer) metrics.hear(answer.metrics)
      else readiness.hear(answer.isReady)
    },
    stop() {
      readiness.stop()
      metrics.stop()
    },
  }
}

function follow<T>(ask: () => void, unheard: T, now: () => number) {
  let last = unheard
  let heardAtMs = now()
  let asked: { atMs: number; answered: PromiseWithResolvers<void> } | null = null
  let again: NodeJS.Timeout | undefined

  const askOnce = () => {
    if (asked !== null) return asked
    asked = { atMs: now(), answered: Promise.withResolvers() }
    ask()
    return asked
  }
  const silenceMs = () => (asked === null ? 0 : now() - asked.atMs)

  return {
    ask: askOnce,
    async get(): Promise<T> {
      const { answered } = askOnce()
      const { promise: over, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, Math.max(0, PATIENCE_MS - silenceMs()))
      await Promise.race([answered.promise, over])
      clearTimeout(timer)
      return last
    },
    hear(value: T) {
      last = value
      heardAtMs = now()
      clearTimeout(again)
      if (silenceMs() > PATIENCE_MS) again = setTimeout(askOnce, AGAIN_MS).unref()
      asked?.answered.resolve()
      asked = null
    },
    get last() {
      return last
    },
    ageMs: () => now() - heardAtMs,
    silenceMs,
    stop: () => clearTimeout(again),
  }
}
