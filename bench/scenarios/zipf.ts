import { bareFastify, edgeContestant, plainRedirectors } from "../lib/contestants.ts"
import { startSeededEdge } from "../lib/seeded-edge.ts"
import { zipfTraffic } from "../lib/zipf-traffic.ts"
import type { Scenario } from "./scenario.ts"

const LINKS = 100_000

export const zipf: Scenario = {
  name: "zipf",
  title: "100,000 links by Zipf's law, 5,000 User-Agents",
  isShort: true,
  async start(bench) {
    const { edge, redis } = await startSeededEdge(bench, { links: LINKS })
    const traffic = await zipfTraffic(bench, LINKS)
    return [
      { ...edgeContestant(edge, redis, traffic), hasLongRunIn: true },
      await bareFastify(bench, traffic),
      ...(await plainRedirectors(bench, LINKS, traffic)),
    ]
  },
}
