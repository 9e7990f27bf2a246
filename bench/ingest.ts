import { writeFile } from "node:fs/promises"
import { setTimeout as delay } from "node:timers/promises"
import { parseArgs } from "node:util"
import { lastLines } from "../scripts/lib/log-file.ts"
import { freePort } from "../scripts/lib/ports.ts"
import { root, services } from "../scripts/lib/services.ts"
import { createTraffic } from "./ingest/clicks.ts"
import { withClient } from "./ingest/database.ts"
import { fillStreams } from "./ingest/filling.ts"
import { copyRows, readRows } from "./ingest/plain-copy.ts"
import { makeWorkspace } from "./ingest/workspace.ts"
import { cpuOfFamily, peakMemory } from "./measure/process-use.ts"
import { type Stores, startStores } from "./servers/stores.ts"

/*
 * How many clicks a second the ingest process brings from Redis into Postgres with everything on, beside a plain COPY of the rows that it
 * stored into a table with the same columns and indexes, in turns. The machine's noise hits both alike, so read the ratio; CPU per click
 * says more than clicks per second where others share the machine.
 *
 * POSTGRES_BIN names the folder of a distribution's Postgres: the embedded one is compiled for size, and takes a third more.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    clicks: { type: "string", default: "1000000" },
    partitions: { type: "string", default: "4" },
    /** Instead of rounds: one run of ingest alone over so many clicks, for the memory. */
    backlog: { type: "string" },
    json: { type: "string" },
  },
})
/** Where the machine is very busy, a connection may take too long. */
const FAILURES_MAX = 10
const partitions = Number(options.partitions)

type Round = { clicksPerSecond: number; ingestCpu: number; postgresCpu: number; memory: number }

const stores = await startStores()
try {
  const linkIds = await makeWorkspace(stores.databaseUrl, stores.redisUrl)
  const report = options.backlog
    ? await drainBacklog(Number(options.backlog), linkIds)
    : await compare(linkIds)
  if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`)
} finally {
  await stores.stop()
}

async function drainBacklog(clicks: number, linkIds: string[]) {
  const round = await ingest(clicks, linkIds, { seed: 1 })
  print("backlog", round)
  return { clicks, ...round }
}

async function compare(linkIds: string[]) {
  const clicks = Number(options.clicks)
  const rounds = { ingest: [] as Round[], "one visitor": [] as Round[] }
  const copies = { one: [] as number[], all: [] as number[] }
  for (let round = 0; round < Number(options.rounds); round++) {
    const full = await ingest(clicks, linkIds, { seed: round * 2 + 1 })
    rounds.ingest.push(full)
    print("ingest", full)
    const one = await readRows(stores.databaseUrl, 1)
    copies.one.push((clicks / (await copyRows(stores.databaseUrl, one))) * 1_000)
    const all = await readRows(stores.databaseUrl, partitions)
    copies.all.push((clicks / (await copyRows(stores.databaseUrl, all))) * 1_000)
    console.log(
      `copy: ${copies.one.at(-1)?.toFixed(0)} rows/s by one connection, ${copies.all.at(-1)?.toFixed(0)} by ${partitions}`,
    )
    const alone = await ingest(clicks, linkIds, { seed: round * 2 + 2, people: 1 })
    rounds["one visitor"].push(alone)
    print("one visitor", alone)
  }
  const rate = median(rounds.ingest.map(({ clicksPerSecond }) => clicksPerSecond))
  const cpu = (of: Round[]) => median(of.map(({ ingestCpu, postgresCpu }) => ingestCpu + postgresCpu))
  const uniques = 1 - cpu(rounds["one visitor"]) / cpu(rounds.ingest)
  const [one, all] = [median(copies.one), median(copies.all)]
  console.log(
    `medians: ingest ${rate.toFixed(0)} clicks/s, ${(rate / one).toFixed(2)} of a plain COPY by one connection, ${(rate / all).toFixed(2)} by ${partitions}`,
  )
  console.log(`telling visitors apart takes ${(uniques * 100).toFixed(0)} % of the CPU at most`)
  return { clicks, partitions, rounds, copies, ratio: { one: rate / one, all: rate / all } }
}

/** Of one visitor all visits are stored and counted, and nearly none is somebody new. */
type Scenario = { seed: number; people?: number }

/** Begins with empty tables. What comes before the first commit, the start of the process above all, is not counted. */
async function ingest(clicks: number, linkIds: string[], { seed, people }: Scenario): Promise<Round> {
  await emptyTables()
  await fillStreams(stores.redisUrl, createTraffic(seed, linkIds, people), clicks, partitions)
  const opsPort = await freePort()
  const env = {
    ...process.env,
    ...{ DATABASE_URL: stores.databaseUrl, REDIS_URL: stores.redisUrl, INGEST_OPS_PORT: String(opsPort) },
    CLICK_PARTITIONS: String(partitions),
  }
  const args = [`${root}/${services.ingest.script}`]
  const member = await stores.crew.start({ name: "ingest", command: process.execPath, args, cwd: root, env })
  try {
    const pid = async () => member.pid
    const first = await storedAfter(opsPort, 0)
    const cpuBefore = cpuNow(stores, (await pid()) ?? 0)
    const last = await storedAfter(opsPort, clicks - 1)
    const cpuAfter = cpuNow(stores, (await pid()) ?? 0)
    const counted = last.visits - first.visits
    return {
      clicksPerSecond: (counted / (last.atMs - first.atMs)) * 1_000,
      ingestCpu: (cpuAfter.ingest - cpuBefore.ingest) / counted,
      postgresCpu: (cpuAfter.postgres - cpuBefore.postgres) / counted,
      memory: peakMemory((await pid()) ?? 0),
    }
  } catch (err) {
    console.error(await lastLines(member.logPath))
    throw err
  } finally {
    await member.stop()
  }
}

function cpuNow({ postgresPid }: Stores, ingestPid: number) {
  return {
    ingest: cpuOfFamily(ingestPid),
    postgres: postgresPid === undefined ? Number.NaN : cpuOfFamily(postgresPid),
  }
}

/** How many visits are stored once they are more than `visits`, and when. */
async function storedAfter(opsPort: number, visits: number): Promise<{ visits: number; atMs: number }> {
  for (;;) {
    const text = await fetch(`http://127.0.0.1:${opsPort}/metrics`).then(
      (answer) => answer.text(),
      () => "",
    )
    const failures = Number(/^qiao_ingest_failures_total (\d+)/m.exec(text)?.[1] ?? 0)
    if (failures > FAILURES_MAX) throw new Error("ingest fails again and again")
    const stored = Number(/^qiao_ingest_visits_total (\d+)/m.exec(text)?.[1] ?? 0)
    if (stored > visits) return { visits: stored, atMs: performance.now() }
    await delay(50)
  }
}

async function emptyTables() {
  await withClient(stores.databaseUrl, async (client) => {
    await client.query(
      "truncate visits, click_batches, quarter_rollups, day_rollups, visitor_keys, visitor_salts, guide_tokens, link_totals, edge_instances cascade",
    )
    await client.query("checkpoint")
  })
}

function print(name: string, { clicksPerSecond, ingestCpu, postgresCpu, memory }: Round) {
  const cpu = `${ingestCpu.toFixed(1)} µs CPU of ingest and ${postgresCpu.toFixed(1)} µs of Postgres a click`
  console.log(`${name}: ${clicksPerSecond.toFixed(0)} clicks/s, ${cpu}, ${memory.toFixed(0)} MB at most`)
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}
