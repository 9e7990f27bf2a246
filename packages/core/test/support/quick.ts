/** Hostile input that sends a pattern backtracking takes minutes; anything else is far below this, on any machine. */
const QUICK_MS = 1_000

/** Whether `run` does not blow up. */
export function isQuick(run: () => void): boolean {
  const start = performance.now()
  run()
  return performance.now() - start < QUICK_MS
}
