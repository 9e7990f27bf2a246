import { edgeContestant } from "../lib/contestants.ts"
import { startSeededEdge } from "../lib/seeded-edge.ts"
import { zipfTraffic } from "../lib/zipf-traffic.ts"
import type { Scenario } from "./scenario.ts"

const MANY = 10_000_000
const FEW = 10_000

export const manyLinks: Scenario = {
  name: "many-links",
  title: "10 million links in Redis beside 10,000, with the same traffic",
  async start(bench) {
    const traffic = await zipfTraffic(bench, FEW)
    const among = async (name: string, links: number) => {
      const { edge, redis } = await startSeededEdge(bench, { links })
      return { ...edgeContestant(edge, redis, traffic), name }
    }
    return [await among("10 million links", MANY), await among("10,000 links", FEW)]
  },
}
