import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import autocannon from "autocannon"
import { cpuMicroseconds } from "./cpu.ts"

/*
 * The edge with everything on beside a bare Fastify that answers a constant 302, in turns, on the instance that `./scripts/up` runs.
 * The machine's noise hits both alike, so read the ratio; CPU per request says more than requests per second, since the load
 * generator shares the machine.
 */
const ROUNDS = 5
const SECONDS = 4
const CONNECTIONS = 64

type Server = { name: string; url: string; pid: number }
type Round = { requestsPerSecond: number; cpuPerRequest: number }

const up = JSON.parse(readFileSync(`${process.env.DATA_DIR || ".data"}/up.json`, "utf8"))
const code = `bench-${Date.now()}`
const created = await fetch(`${up.admin}/v1/links`, {
  method: "POST",
  headers: { authorization: `Bearer ${up.apiKey}`, "content-type": "application/json" },
  body: JSON.stringify({ url: "https://example.com/", code }),
})
if (created.status !== 201) throw new Error(`no link was made: ${await created.text()}`)

const bare = spawn(process.execPath, [`${import.meta.dirname}/null-servers/fastify.ts`], {
  stdio: ["ignore", "pipe", "inherit"],
})
const [port] = await once(bare.stdout, "data")

const servers: Server[] = [
  { name: "bare Fastify", url: `http://127.0.0.1:${Number(String(port))}/${code}`, pid: bare.pid ?? 0 },
  { name: "edge", url: `${up.edge.replace("localhost", "127.0.0.1")}/${code}`, pid: up.pids.edge },
]
const rounds = new Map(servers.map((server) => [server.name, [] as Round[]]))
for (const server of servers) await measure(server)
for (let round = 0; round < ROUNDS; round++) {
  for (const server of servers) rounds.get(server.name)?.push(await measure(server))
}
bare.kill()

const [bareMedian, edgeMedian] = servers.map(({ name }) => {
  const all = rounds.get(name) ?? []
  const requestsPerSecond = median(all.map((round) => round.requestsPerSecond))
  const cpuPerRequest = median(all.map((round) => round.cpuPerRequest))
  console.log(
    `${name}: ${Math.round(requestsPerSecond)} requests/s, ${cpuPerRequest.toFixed(1)} µs CPU a request`,
  )
  return { requestsPerSecond, cpuPerRequest }
})
if (bareMedian === undefined || edgeMedian === undefined) throw new Error("both servers were measured")
const ratio = (edgeMedian.requestsPerSecond / bareMedian.requestsPerSecond).toFixed(2)
const cpuRatio = (bareMedian.cpuPerRequest / edgeMedian.cpuPerRequest).toFixed(2)
console.log(`edge ÷ bare Fastify: ${ratio} by requests per second, ${cpuRatio} by CPU per request`)

async function measure({ name, url, pid }: Server): Promise<Round> {
  const before = cpuMicroseconds(pid)
  const result = await autocannon({ url, connections: CONNECTIONS, duration: SECONDS })
  const requests = result["3xx"]
  if (requests !== result.requests.total) throw new Error(`${name} gave other answers than redirects`)
  return {
    requestsPerSecond: requests / result.duration,
    cpuPerRequest: (cpuMicroseconds(pid) - before) / requests,
  }
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
