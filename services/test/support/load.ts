import type { Test } from "tap"
import { type Random, seededRandom } from "../../../packages/core/test/support/random.ts"
import { type Driver, type DriverOptions, startDriver } from "./driver.ts"
import { startTestbed, type Testbed, type TestbedOptions } from "./testbed.ts"

export type Load = { random: Random; bed: Testbed; driver: Driver }

/** A testbed with visits going to all its edges. */
export async function startLoad(
  t: Test,
  options: TestbedOptions = {},
  pace: Pick<DriverOptions, "perSecond" | "paddingBytes"> = {},
): Promise<Load> {
  const random = seededRandom(t)
  const bed = await startTestbed(t, options)
  const edges = bed.edges.map(({ url }) => url)
  const driver = startDriver(t, { edges, codes: bed.codes, random, ...pace })
  return { random, bed, driver }
}
