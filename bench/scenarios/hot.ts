import { writeTraffic } from "../load/traffic.ts"
import { SAFARI } from "../load/user-agents.ts"
import { bareFastify, edgeContestant } from "../measure/contestants.ts"
import { codeOf, HOST } from "../servers/links.ts"
import { hasNginx, startNginx } from "../servers/nginx.ts"
import { startNullServer } from "../servers/null-servers.ts"
import { startSeededEdge } from "../servers/seeded-edge.ts"
import type { Scenario } from "./scenario.ts"

export const hot: Scenario = {
  name: "hot",
  title: "One link, one User-Agent",
  isShort: true,
  async start(bench) {
    const { edge, redis } = await startSeededEdge(bench, { links: 1 })
    const traffic = await writeTraffic(bench, { host: HOST, paths: [`/${codeOf(0)}`], agents: [SAFARI] })
    const others = [
      await startNullServer(bench, "bare node:http"),
      ...(hasNginx ? [await startNginx(bench)] : []),
    ]
    return [
      edgeContestant(edge, redis, traffic),
      await bareFastify(bench, traffic),
      ...others.map((server) => ({ name: server.name, server, traffic })),
    ]
  },
}
