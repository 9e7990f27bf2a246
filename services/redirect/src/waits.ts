/** How many requests may wait for Redis, and for how long. */
export type Waits = {
  /** Requests that wait now. */
  readonly count: number
  readonly isFull: boolean
  readonly deadlines: number
  enter(): void
  leave(requests: number): void
  /** `work`, or an error after `deadlineMs`. */
  withDeadline<T>(work: Promise<T>): Promise<T>
}

/**
 * `now` is monotonic. All waits have the same deadline, so they end in the order in which they began: one timer, set for the oldest, serves them all
 * (ioredis' commandTimeout would make one for each).
 */
export function createWaits(options: { deadlineMs: number; max: number; now: () => number }): Waits {
  const { deadlineMs, max, now } = options
  const open = new Set<{ dueAt: number; fail: (err: Error) => void }>()
  let timer: NodeJS.Timeout | undefined
  let count = 0
  let deadlines = 0

  const arm = () => {
    const [oldest] = open
    timer = oldest && setTimeout(afterReading, Math.max(1, oldest.dueAt - now())).unref()
  }
  /** A busy process comes to its timers late, and to its sockets after them: what has arrived meanwhile is in time. */
  const afterReading = () => setImmediate(expire)
  const expire = () => {
    for (const wait of open) {
      if (wait.dueAt > now()) break
      open.delete(wait)
      deadlines++
      wait.fail(new Error("Redis did not answer in time"))
    }
    arm()
  }

  return {
    get count() {
      return count
    },
    get isFull() {
      return count >= max
    },
    get deadlines() {
      return deadlines
    },
    enter() {
      count++
    },
    leave(requests) {
      count -= requests
    },
    withDeadline(work) {
      return new Promise((resolve, reject) => {
        const wait = { dueAt: now() + deadlineMs, fail: reject }
        open.add(wait)
        if (timer === undefined) arm()
        work.then(resolve, reject).finally(() => open.delete(wait))
      })
    },
  }
}
