import { zipfTraffic } from "../load/zipf-traffic.ts"
import { bareFastify, edgeContestant, plainRedirectors } from "../measure/contestants.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
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
