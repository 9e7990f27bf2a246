import { parentPort, workerData } from "node:worker_threads"

/** A thread that asks an ops port for everything, and then says so, also to who holds still. */
const { url, answered }: { url: string; answered: Int32Array<SharedArrayBuffer> } = workerData
const live = await fetch(`${url}/healthz/live`)
const ready = await fetch(`${url}/healthz/ready`)
const metrics = await fetch(`${url}/metrics`)
const said = [live.status, ready.status, await metrics.text()]
Atomics.store(answered, 0, 1)
Atomics.notify(answered, 0)
parentPort?.postMessage(said)
