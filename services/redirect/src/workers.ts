import cluster, { type Address, type Worker } from "node:cluster"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { StartError } from "@qiao/core/process.ts"
import type { Logger } from "pino"
import { countersOf, type Metrics, sumMetrics } from "./metrics-sum.ts"
import { type Answer, followStatus, type Question, type Status } from "./status.ts"

/*
 * The worker processes, one in each slot; while one replaces another there are two.
 *
 *   starting ──listens──► serving ──stopped, or replaced──► stopping ──► ended
 *       └───────────────────┴── ends by itself ──► another is started after a pause, which doubles until one lives for STEADY_MS
 *
 * The socket they share stays open here as long as there is one of them, so that nobody is refused while others come and go; a worker
 * that comes while others serve listens once it is ready. What a worker counted goes on counting when it has ended.
 */
export type Workers = {
  /** Resolves when all listen, to their address; rejects when one ends instead. */
  start(): Promise<Address>
  /** One after another: starts the new one, waits until it is ready, stops the old one. */
  restart(): Promise<void>
  /** Resolves when all have ended. */
  stop(): Promise<void>
  /** Ends those that are left, at once. */
  kill(): void
  /** Those that serve. */
  serving(): Status<Metrics>[]
  /** Of all there are and were. */
  metrics(): Promise<Metrics[]>
  readonly counters: Readonly<{ serving: number; ended: number }>
}

type Member = {
  slot: number
  worker: Worker
  status: Status<Metrics>
  state: "starting" | "serving" | "stopping"
  startedAtMs: number
  /** Before another is started when it ends. */
  pauseMs: number
  /** Null: it ended first. */
  listening: Promise<Address | null>
  ended: Promise<void>
}

const PAUSE_MS = { first: 100, longest: 10_000 }
const STEADY_MS = 30_000

export function superviseWorkers(options: {
  count: number
  readyMaxMs: number
  stopMaxMs: number
  log: Logger
}): Workers {
  const { count, readyMaxMs, stopMaxMs, log } = options
  const members = new Set<Member>()
  const counters = { ended: 0 }
  let former: Promise<Metrics[]> = Promise.resolve([])
  let restarting = Promise.resolve()
  let isStopping = false

  const isEmpty = (slot: number) => ![...members].some((member) => member.slot === slot)
  const inState = (...states: Member["state"][]) => [...members].filter(({ state }) => states.includes(state))

  const start = (slot: number, pauseMs = PAUSE_MS.first): Member => {
    const member = { slot, pauseMs, ...fork(slot, inState("serving").length > 0) }
    members.add(member)
    void member.listening.then((address) => {
      if (address !== null && member.state === "starting") member.state = "serving"
    })
    void member.ended.then(() => onEnd(member))
    return member
  }

  const onEnd = async (member: Member) => {
    const { slot, worker, status } = member
    members.delete(member)
    status.stop()
    const last = countersOf(status.lastMetrics)
    former = former.then(async (before) => [await sumMetrics([...before, last]).getMetricsAsJSON()])
    if (member.state === "stopping" || isStopping) return
    counters.ended++
    const { exitCode, signalCode, pid } = worker.process
    log.error({ worker: slot, workerPid: pid, exitCode, signal: signalCode }, "a worker ended")
    const wasSteady = performance.now() - member.startedAtMs > STEADY_MS
    await startAgain(slot, wasSteady ? PAUSE_MS.first : member.pauseMs)
  }

  const startAgain = async (slot: number, pauseMs: number): Promise<void> => {
    await delay(pauseMs)
    if (isStopping || !isEmpty(slot)) return
    const nextPauseMs = Math.min(pauseMs * 2, PAUSE_MS.longest)
    try {
      start(slot, nextPauseMs)
    } catch (err) {
      log.error({ err, worker: slot }, "a worker cannot be started")
      await startAgain(slot, nextPauseMs)
    }
  }

  const stop = async (member: Member) => {
    member.state = "stopping"
    member.worker.process.kill("SIGTERM")
    const kill = setTimeout(() => {
      log.error({ worker: member.slot }, "a worker does not stop, and is killed")
      member.worker.process.kill("SIGKILL")
    }, stopMaxMs)
    await member.ended
    clearTimeout(kill)
  }

  const replace = async (old: Member): Promise<boolean> => {
    const next = start(old.slot)
    const tooLate = delay(readyMaxMs, null, { ref: false })
    const isReady = (await Promise.race([next.listening, tooLate])) !== null
    await stop(isReady ? old : next)
    // The old one may have ended meanwhile, and found its slot taken.
    if (isEmpty(old.slot)) start(old.slot)
    return isReady
  }

  const restart = async () => {
    if (isStopping) return
    log.info("restarting the workers")
    for (const old of inState("serving")) {
      const isReplaced = !members.has(old) || (await replace(old))
      if (isStopping) return
      if (isReplaced) continue
      log.error({ worker: old.slot }, "its successor does not get ready; no more workers are restarted")
      return
    }
    log.info("restarted the workers")
  }

  return {
    async start() {
      const started = Array.from({ length: count }, (_, slot) => start(slot))
      const [address, ...others] = await Promise.all(started.map(({ listening }) => listening))
      if (address && others.every(Boolean)) return address
      throw new StartError("A worker ended before it listened; why is said above.")
    },
    restart() {
      restarting = restarting.then(restart).catch((err: unknown) => {
        log.error({ err }, "the workers could not be restarted")
      })
      return restarting
    },
    async stop() {
      isStopping = true
      await Promise.all([...members].map(stop))
    },
    kill() {
      for (const { worker } of members) worker.process.kill("SIGKILL")
    },
    serving: () => inState("serving").map(({ status }) => status),
    async metrics() {
      const present = inState("serving", "stopping").map(({ status }) => status.metrics())
      return [...(await former), ...(await Promise.all(present))]
    },
    get counters() {
      return { ...counters, serving: inState("serving").length }
    },
  }
}

function fork(slot: number, othersServe: boolean): Omit<Member, "slot" | "pauseMs"> {
  cluster.setupPrimary({
    exec: fileURLToPath(new URL("./worker.ts", import.meta.url)),
    args: [String(slot), ...(othersServe ? ["listen-when-ready"] : [])],
    // Numbers that JSON has not are among the metrics.
    serialization: "advanced",
  })
  const worker = cluster.fork()
  const status = followStatus<Metrics>((question: Question) => {
    if (worker.isConnected()) worker.send(question)
  }, [])
  worker.on("message", (answer: Answer<Metrics>) => status.hear(answer))
  // A worker that ends while it is written to.
  worker.on("error", () => {})
  const ended = new Promise<void>((resolve) => {
    // Comes when all that it said has arrived; not for one that could not be started.
    worker.process.once("close", () => resolve())
    worker.process.once("error", () => worker.process.pid === undefined && resolve())
  })
  const listening = new Promise<Address | null>((resolve) => {
    worker.once("listening", resolve)
    void ended.then(() => resolve(null))
  })
  return { worker, status, state: "starting", startedAtMs: performance.now(), listening, ended }
}
