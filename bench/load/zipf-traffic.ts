import { randomFrom } from "../../packages/core/test/support/random.ts"
import type { Bench } from "../lib/bench.ts"
import { codeOf, HOST } from "../servers/links.ts"
import { type Traffic, writeTraffic } from "./traffic.ts"
import { makeUserAgents } from "./user-agents.ts"
import { zipf } from "./zipf.ts"

const VISITS = 500_000
const USER_AGENTS = 5_000

/** Links as people visit them, each time with another of 5,000 User-Agents. */
export function zipfTraffic(bench: Bench, links: number): Promise<Traffic> {
  const random = randomFrom(1)
  const draw = zipf(random, links)
  return writeTraffic(bench, {
    host: HOST,
    paths: Array.from({ length: VISITS }, () => `/${codeOf(draw())}`),
    agents: makeUserAgents(random, USER_AGENTS),
  })
}
