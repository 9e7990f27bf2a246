import { writeTraffic } from "../load/traffic.ts"
import { SAFARI } from "../load/user-agents.ts"
import { bareFastify, edgeContestant } from "../measure/contestants.ts"
import { codeOf, HOST } from "../servers/links.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Scenario } from "./scenario.ts"

const CODES = 500_000

export const unknown: Scenario = {
  name: "unknown",
  title: "A scanner: codes that no link has, from one network",
  async start(bench) {
    const limited = await startSeededEdge(bench, { links: 1 })
    const unlimited = await startSeededEdge(bench, {
      ...{ name: "edge, no limit", links: 1 },
      env: { UNKNOWN_CODES_PER_MINUTE: "1000000000" },
    })
    const traffic = await writeTraffic(bench, {
      host: HOST,
      paths: Array.from({ length: CODES }, (_, i) => `/${codeOf(i + 1)}`),
      agents: [SAFARI],
    })
    const edges = [limited, unlimited].map(({ edge, redis }) => edgeContestant(edge, redis, traffic))
    return [
      ...edges.map((contestant) => ({ ...contestant, isRefusing: true })),
      await bareFastify(bench, traffic),
    ]
  },
}
