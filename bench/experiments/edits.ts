import { createHistogram } from "node:perf_hooks"
import { randomFrom } from "../../packages/core/test/support/random.ts"
import { type Bench, withBench } from "../lib/bench.ts"
import { percentileMs } from "../lib/numbers.ts"
import { type Connection, connectTo } from "../load/keep-alive-connection.ts"
import { applyLoad } from "../load/load.ts"
import { applyOpenLoad } from "../load/open-loop.ts"
import { type Traffic, writeTraffic } from "../load/traffic.ts"
import { makeUserAgents } from "../load/user-agents.ts"
import { requireRightAnswers, requireRightLoad } from "../measure/right-answers.ts"
import { API_HOST, type Api, startControlPlane } from "../servers/control-plane.ts"
import { type Edge, startEdge } from "../servers/edge.ts"

/*
 * Links are edited by the API while two edges, which share a core, together answer half of what one can: how long until both serve the new
 * url. Edges are asked again and again, so a time is right by what one request takes.
 */
const LINKS = 100
const EDGES = 2
const USER_AGENTS = 1_000
const CONNECTIONS = 32
const MAXIMUM_SECONDS = 3
const VISIBLE_MAX_MS = 10_000

/** Milliseconds. */
export type Edits = { edits: number; requestsPerSecond: number; sinceAnswer: Times; sinceRequest: Times }
type Times = { p50: number; p99: number; max: number }

type Link = { id: string; code: string }

export function measureEdits(seconds: number): Promise<Edits> {
  return withBench(async (bench) => {
    const { redisUrl, api } = await startControlPlane(bench)
    const links = await makeLinks(api)
    const edges = [await startEdge(bench, { redisUrl }), await startEdge(bench, { redisUrl })]
    const traffic = await trafficOf(bench, links)
    const requestsPerSecond = Math.floor((await maximum(bench, edges, traffic)) / 2)
    const load = { traffic, connections: CONNECTIONS, seconds, requestsPerSecond: requestsPerSecond / EDGES }
    const loads = edges.map(async ({ name, port }) => {
      const { answers } = await applyOpenLoad({ ...load, port }, bench.signal)
      requireRightAnswers(name, answers)
    })
    const times = await editUntil(Promise.all(loads), links, api, edges)
    return { ...times, requestsPerSecond }
  })
}

async function makeLinks(api: Api): Promise<Link[]> {
  const links: Link[] = []
  for (let i = 0; i < LINKS; i++) {
    const code = `edited${i}`
    const { id } = await api("POST", "/links", { code, url: "https://shop.example.com/0" })
    links.push({ id, code })
  }
  return links
}

function trafficOf(bench: Bench, links: Link[]): Promise<Traffic> {
  const paths = links.map(({ code }) => `/${code}`)
  return writeTraffic(bench, { host: API_HOST, paths, agents: makeUserAgents(randomFrom(1), USER_AGENTS) })
}

/** Of the last edge, once all are warm. */
async function maximum({ signal }: Bench, edges: Edge[], traffic: Traffic): Promise<number> {
  let requestsPerSecond = 0
  for (const { name, port } of [...edges, ...edges]) {
    const load = await applyLoad(
      { port, traffic, connections: CONNECTIONS, seconds: MAXIMUM_SECONDS },
      signal,
    )
    requireRightLoad(name, load)
    requestsPerSecond = load.requests / load.seconds
  }
  return requestsPerSecond
}

async function editUntil(
  over: Promise<unknown>,
  links: Link[],
  api: Api,
  edges: Edge[],
): Promise<Omit<Edits, "requestsPerSecond">> {
  const connections = await Promise.all(edges.map(({ port }) => connectTo(port)))
  const [sinceAnswer, sinceRequest] = [createHistogram(), createHistogram()]
  let isOver = false
  const end = over.finally(() => {
    isOver = true
  })
  end.catch(() => {}) // It is awaited below.
  let edits = 0
  for (; !isOver; edits++) {
    const { id, code } = links[edits % LINKS] ?? { id: "", code: "" }
    const url = `https://shop.example.com/${edits + 1}`
    const requestedMs = performance.now()
    await api("PATCH", `/links/${id}`, { url })
    const answeredMs = performance.now()
    await Promise.all(connections.map((connection) => untilServed(connection, code, url)))
    sinceAnswer.record(microsecondsSince(answeredMs))
    sinceRequest.record(microsecondsSince(requestedMs))
  }
  await end
  for (const connection of connections) connection.close()
  return { edits, sinceAnswer: timesOf(sinceAnswer), sinceRequest: timesOf(sinceRequest) }
}

async function untilServed(connection: Connection, code: string, url: string): Promise<void> {
  const request = `GET /${code} HTTP/1.1\r\nHost: ${API_HOST}\r\nUser-Agent: bench\r\n\r\n`
  const deadlineMs = performance.now() + VISIBLE_MAX_MS
  while (!(await connection.ask(request)).includes(`${url}\r\n`)) {
    if (performance.now() > deadlineMs) throw new Error(`an edit is not seen after ${VISIBLE_MAX_MS} ms`)
  }
}

const microsecondsSince = (ms: number) => Math.max(1, Math.round((performance.now() - ms) * 1_000))

function timesOf(histogram: ReturnType<typeof createHistogram>): Times {
  return { p50: percentileMs(histogram, 50), p99: percentileMs(histogram, 99), max: histogram.max / 1_000 }
}
