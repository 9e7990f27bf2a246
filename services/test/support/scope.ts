/** What others live in: a test, or the run of a script. Whoever starts something tells it how that ends. */
export type Scope = { teardown(end: () => unknown): unknown; comment(line: string): unknown }

/** A scope that is no test's. `end` ends what was started last first, all of it, and throws what went wrong. */
export function newScope(comment: (line: string) => void): Scope & { end(): Promise<void> } {
  const ends: (() => unknown)[] = []
  return {
    comment,
    teardown: (end) => ends.push(end),
    async end() {
      const errors: unknown[] = []
      for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
        try {
          await end()
        } catch (err) {
          errors.push(err)
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, "not everything could be ended")
    },
  }
}
