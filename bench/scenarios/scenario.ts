import type { Bench } from "../lib/bench.ts"
import type { Contestant } from "../measure/contestant.ts"

/** The first contestant is compared with each of the others. */
export type Scenario = {
  name: string
  title: string
  /** In `pnpm bench` too, not only in `pnpm bench:full`. */
  isShort?: boolean
  start(bench: Bench): Promise<Contestant[]>
}
