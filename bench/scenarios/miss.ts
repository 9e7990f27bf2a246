import { randomFrom } from "../../packages/core/test/support/random.ts"
import { writeTraffic } from "../load/traffic.ts"
import { makeUserAgents } from "../load/user-agents.ts"
import { edgeContestant, plainRedirectors } from "../measure/contestants.ts"
import { codeOf, HOST } from "../servers/links.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Scenario } from "./scenario.ts"

const LINKS = 1_000_000
const CACHED = 50_000
const VISITS = 500_000
const USER_AGENTS = 5_000

export const miss: Scenario = {
  name: "miss",
  title: "A million links, all as often, of which the edge may keep 50,000",
  async start(bench) {
    const { edge, redis } = await startSeededEdge(bench, {
      links: LINKS,
      env: { CACHE_MAX_LINKS: String(CACHED) },
    })
    const random = randomFrom(1)
    const traffic = await writeTraffic(bench, {
      host: HOST,
      paths: Array.from({ length: VISITS }, () => `/${codeOf(random.below(LINKS))}`),
      agents: makeUserAgents(random, USER_AGENTS),
    })
    return [edgeContestant(edge, redis, traffic), ...(await plainRedirectors(bench, LINKS, traffic))]
  },
}
