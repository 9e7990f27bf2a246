export type OneAtATime = {
  /** Starts the work, or joins that which is under way. */
  run(): Promise<void>
  /** Null when none is. */
  readonly underWay: Promise<void> | null
}

export function oneAtATime(work: () => Promise<void>): OneAtATime {
  let underWay: Promise<void> | null = null
  return {
    run() {
      underWay ??= work().finally(() => {
        underWay = null
      })
      return underWay
    },
    get underWay() {
      return underWay
    },
  }
}
