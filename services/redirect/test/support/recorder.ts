import { randomUUID } from "node:crypto"
import { type NewVisit, unpackBatch } from "@qiao/core/click.ts"
import { clickStreamKey } from "@qiao/core/keys.ts"
import { recurringText } from "@qiao/core/recurring-text.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import { Redis } from "ioredis"
import pino from "pino"
import type { Test } from "tap"
import { waitFor } from "../../../test/support/wait.ts"
import { createClickStreams } from "../../src/click-streams.ts"
import { type ClickCounters, createClickRecorder } from "../../src/clicks.ts"
import { connectRedis } from "../../src/redis.ts"
import { createSpill } from "../../src/spill.ts"

const visitorOf = createVisitors(100)
const log = pino({ level: process.env.TEST_LOG ?? "silent" })

export const visit = (i: number): NewVisit => ({
  link: recurringText(`lnk_${i}`),
  atMs: 1_700_000_000_000 + i,
  outcome: "redirect",
  automated: false,
  synthetic: false,
  visitor: visitorOf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36"),
  language: "en",
  referrer: "",
  ip: "192.0.2.1",
  rule: "",
  variant: "",
  guideToken: "",
})

type Options = {
  folder?: string
  bytesMax?: number
  streamMax?: number
  batchMax?: number
  bufferMax?: number
  heartbeatMs?: number
}

/** A recorder as the edge has it, on a connection of its own, with short clocks. With a folder it spills. */
export async function startRecorder(t: Test, url: string, options: Options = {}) {
  const { folder, bytesMax = 2 ** 30, streamMax = 1_000_000, ...rest } = options
  const connection = connectRedis(url, log, { name: "clicks", silenceMaxMs: 300, commandTimeout: 200 })
  await waitFor("the connection", () => connection.status === "ready", { timeoutMs: 3_000 })
  const streams = createClickStreams({ redis: connection, lengthMax: streamMax, onFailure: () => {} })
  const spill = folder === undefined ? null : createSpill({ folder, bytesMax, newId: randomUUID, log })
  const recorder = createClickRecorder({
    ...{ streams, spill },
    instance: `instance-${randomUUID()}`,
    partitions: 4,
    flushIntervalMs: 20,
    heartbeatMs: 60_000,
    batchMax: 100,
    bufferMax: 1_000,
    now: Date.now,
    ...rest,
  })
  const stop = async (deadlineMs: number) => {
    const lostVisits = await recorder.stop(deadlineMs)
    await spill?.close()
    return lostVisits
  }
  t.teardown(async () => {
    connection.disconnect()
    await stop(0)
  })
  const isSettled = () => recorder.counters.waiting === 0 && recorder.counters.spilled === 0
  return {
    ...{ recorder, streams, stop },
    add: (from: number, to: number) => {
      for (let i = from; i < to; i++) recorder.add(visit(i))
    },
    settled: (timeoutMs = 5_000) => waitFor("all visits to be sent", isSettled, { timeoutMs }),
    spillCounters: () => {
      if (spill === null) throw new Error("this recorder has no spill")
      return spill.counters
    },
  }
}

export type TestRecorder = Awaited<ReturnType<typeof startRecorder>>

/** What lies in the streams, copies included: `sealed` byte for byte, oldest first. */
export async function readStream(t: Test, url: string, { recorder }: TestRecorder) {
  const direct = new Redis(url)
  t.teardown(() => direct.disconnect())
  return {
    direct,
    key: clickStreamKey(recorder.partition),
    /** The batches of this instance. */
    sealed: async (instance = recorder.instance): Promise<string[]> => {
      const streams = await Promise.all(
        [0, 1, 2, 3].map((partition) => direct.xrange(clickStreamKey(partition), "-", "+")),
      )
      return streams
        .flat()
        .map(([, fields]) => fields[1] ?? "")
        .filter((batch) => batch.includes(instance))
    },
  }
}

export const linksOf = (sealed: string[]): string[] =>
  sealed.flatMap((batch) => unpackBatch(batch).visits.map(({ linkId }) => linkId))

export const linksFrom = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `lnk_${from + i}`)

export function addsUp(t: Test, { accepted, sent, waiting, spilled, dropped }: ClickCounters): void {
  t.equal(accepted, sent + waiting + spilled + dropped, "accepted = sent + waiting + spilled + dropped")
}
