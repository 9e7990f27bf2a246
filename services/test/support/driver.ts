import { Agent, request } from "node:http"
import { setTimeout as pause } from "node:timers/promises"
import type { Random } from "../../../packages/core/test/support/random.ts"
import type { Scope } from "./scope.ts"
import { CRAWLER, SAFARI, WECHAT } from "./visit.ts"

/*
 * Visitors that keep a journal. Each visit comes from a host of its own, the marker, which is stored with it: so what is stored can be
 * compared with what was answered, visit by visit.
 */

export type DrivenVisit = {
  marker: string
  /** Base url of the edge it went to. */
  edge: string
  sentAtMs: number
  /** Null while there is none; a visit that never got one may have been counted or not. */
  answer: { status: number; atMs: number } | null
}

export type Driver = {
  readonly visits: readonly DrivenVisit[]
  /** Sends visits to these edges alone from now on, as a balancer would. */
  goTo(edges: readonly string[]): void
  /** How many were answered with a redirect so far. */
  readonly redirects: number
  /** Sends no more and waits for the answers that are on their way. */
  stop(): Promise<void>
}

export type DriverOptions = {
  edges: readonly string[]
  codes: readonly [string, ...string[]]
  random: Random
  clients?: number
  /** All clients together, about. */
  perSecond?: number
  /** Makes each visit as much longer where it is kept. */
  paddingBytes?: number
}

const ANSWER_DEADLINE_MS = 10_000
const USER_AGENTS = [SAFARI, SAFARI, WECHAT, CRAWLER] as const

export function startDriver(scope: Scope, options: DriverOptions): Driver {
  const { codes, random, clients = 8, perSecond = 250, paddingBytes = 0 } = options
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const visits: DrivenVisit[] = []
  const padding = `.${"p".repeat(50)}`.repeat(Math.ceil(paddingBytes / 51))
  let edges = options.edges
  let redirects = 0
  let isStopped = false

  async function runClient() {
    while (!isStopped) {
      // A pace, not a wait for something: evenly spread between none and twice the mean.
      await pause(random.next() * 2 * (clients / perSecond) * 1_000)
      const edge = edges[random.below(edges.length)]
      if (edge === undefined || isStopped) continue
      const marker = `v${visits.length}${padding}.example`
      const driven: DrivenVisit = { marker, edge, sentAtMs: Date.now(), answer: null }
      visits.push(driven)
      const status = await visitOnce(agent, `${edge}/${random.pick(codes)}`, {
        "user-agent": random.pick(USER_AGENTS),
        referer: `https://${marker}/`,
        "x-forwarded-for": `198.51.100.${random.below(250)}`,
      })
      if (status === null) continue
      driven.answer = { status, atMs: Date.now() }
      if (status === 302) redirects++
    }
  }

  const running = Promise.all(Array.from({ length: clients }, runClient))
  const stop = async () => {
    isStopped = true
    await running
    agent.destroy()
  }
  scope.teardown(stop)
  return {
    visits,
    goTo(others) {
      edges = others
    },
    get redirects() {
      return redirects
    },
    stop,
  }
}

/** The status, or null when no answer came: the connection was refused, cut, or silent. */
function visitOnce(agent: Agent, url: string, headers: Record<string, string>): Promise<number | null> {
  return new Promise((resolve) => {
    const req = request(url, { agent, headers }, (reply) => {
      reply.resume()
      reply.on("end", () => resolve(reply.statusCode ?? null))
      reply.on("error", () => resolve(null))
    })
    req.setTimeout(ANSWER_DEADLINE_MS, () => req.destroy())
    req.on("error", () => resolve(null))
    req.end()
  })
}
