import { zipfTraffic } from "../load/zipf-traffic.ts"
import { edgeContestant } from "../measure/contestants.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Scenario } from "./scenario.ts"

const MANY = 10_000_000
const FEW = 10_000
/** Far fewer than are asked for, so that Redis is asked all the time. */
const CACHED = 1_000

export const manyLinks: Scenario = {
  name: "many-links",
  title: "10 million links in Redis beside 10,000, with the same traffic, of which edges may keep 1,000",
  async start(bench) {
    const traffic = await zipfTraffic(bench, FEW)
    const among = async (name: string, links: number) => {
      const env = { CACHE_MAX_LINKS: String(CACHED) }
      const { edge, redis, redisBytesPerLink } = await startSeededEdge(bench, { links, env })
      // Of few links it would tell of buffers.
      return { ...edgeContestant(edge, redis, traffic), name, ...(links === MANY && { redisBytesPerLink }) }
    }
    return [await among("10 million links", MANY), await among("10,000 links", FEW)]
  },
}
