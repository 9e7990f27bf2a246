import { randomInt } from "node:crypto"
import { createHistogram } from "node:perf_hooks"
import { percentileMs } from "../lib/numbers.ts"
import { type Connection, connectTo } from "./keep-alive-connection.ts"
import type { OpenLoad, OpenLoadResult } from "./open-loop.ts"
import { HEADERS, linesOf } from "./traffic.ts"

/** The load of its argument; prints an OpenLoadResult. */
const load: OpenLoad = JSON.parse(process.argv[2] ?? "")

/** Until generator and server are warm. */
const WARM_UP_MS = 1_000
/** So long the core is left to others at most: answers that come meanwhile are seen that much later. */
const REST_MS = 0.05
/** From when the last request was due until every answer is there. */
const ANSWERED_MAX_MS = 30_000

const offset = randomInt(2 ** 31)
const paths = linesOf(load.traffic.pathsFile)
const headers = { Host: load.traffic.host, ...HEADERS }
const fixed = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
const tails = linesOf(load.traffic.agentsFile).map(
  (agent) => ` HTTP/1.1\r\n${fixed.join("")}User-Agent: ${agent}\r\n\r\n`,
)

const gapMs = 1_000 / load.requestsPerSecond
const total = Math.ceil((WARM_UP_MS + load.seconds * 1_000) / gapMs)
/** Microseconds. */
const latencies = createHistogram({ figures: 3 })
const lateness = createHistogram({ figures: 3 })
const answers: Record<string, number> = {}
const nothing = new Int32Array(new SharedArrayBuffer(4))
let restedMs = 0
let noticed = 0
let sent = 0
let answered = 0

const idle = await Promise.all(Array.from({ length: load.connections }, () => connectTo(load.port)))
const startMs = performance.now()
turn()

/** Timers are due at whole milliseconds, many requests apart: it looks again and again, resting in between. */
function turn() {
  sendDue()
  if (answered === total) return finish()
  const nowMs = performance.now()
  if (nowMs > dueMs(total) + ANSWERED_MAX_MS) throw new Error(`${total - answered} requests have no answer`)
  if (noticed === total || nowMs + REST_MS < dueMs(noticed)) {
    Atomics.wait(nothing, 0, 0, REST_MS)
    restedMs += performance.now() - nowMs
  }
  setImmediate(turn)
}

/** What is due while no connection is idle waits for one, and its latency with it. */
function sendDue() {
  for (; noticed < total && dueMs(noticed) <= performance.now(); noticed++) record(lateness, noticed)
  while (sent < noticed) {
    const connection = idle.shift()
    if (connection === undefined) return
    void ask(connection, sent++)
  }
}

async function ask(connection: Connection, request: number) {
  const path = paths[(offset + request) % paths.length]
  const tail = tails[Math.floor(Math.random() * tails.length)]
  const head = await connection.ask(`GET ${path}${tail}`)
  record(latencies, request)
  const status = head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)
  answers[status] = (answers[status] ?? 0) + 1
  answered++
  idle.push(connection)
  sendDue()
}

function record(histogram: ReturnType<typeof createHistogram>, request: number) {
  const due = dueMs(request)
  if (due - startMs < WARM_UP_MS) return
  histogram.record(Math.max(1, Math.round((performance.now() - due) * 1_000)))
}

function dueMs(request: number): number {
  return startMs + request * gapMs
}

function finish() {
  const printed: OpenLoadResult = {
    p50: percentileMs(latencies, 50),
    p99: percentileMs(latencies, 99),
    p999: percentileMs(latencies, 99.9),
    lateP99: percentileMs(lateness, 99),
    busyShare: 1 - restedMs / (performance.now() - startMs),
    answers,
  }
  console.log(JSON.stringify(printed))
  process.exit(0)
}
