import { randomFrom } from "../../packages/core/test/support/random.ts"
import { writeTraffic } from "../load/traffic.ts"
import { makeUserAgents, weChat } from "../load/user-agents.ts"
import { bareFastify, edgeContestant } from "../measure/contestants.ts"
import { codeOf, HOST } from "../servers/links.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Scenario } from "./scenario.ts"

const USER_AGENTS = 1_000

export const guide: Scenario = {
  name: "guide",
  title: "The guide page of one link, for 1,000 User-Agents of WeChat",
  async start(bench) {
    const { edge, redis } = await startSeededEdge(bench, {
      links: 1,
      settingsOf: () => ({ guidePlatforms: new Set(["wechat"]) }),
    })
    const traffic = await writeTraffic(bench, {
      host: HOST,
      paths: [`/${codeOf(0)}`],
      agents: makeUserAgents(randomFrom(1), USER_AGENTS, weChat),
    })
    return [{ ...edgeContestant(edge, redis, traffic), status: "200" }, await bareFastify(bench, traffic)]
  },
}
