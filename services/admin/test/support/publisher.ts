import { once } from "node:events"
import { type DomainRecord, decodeDomain } from "@qiao/core/domain-record.ts"
import { decodeLink, type LinkRecord } from "@qiao/core/record.ts"
import type { Versioned } from "@qiao/core/versioned.ts"
import { sql } from "kysely"
import type { Test } from "tap"
import { connectDb } from "../../src/db/connect.ts"
import { createLog } from "../../src/log.ts"
import { findDrift } from "../../src/publishing/drift.ts"
import { listenForDue } from "../../src/publishing/listening.ts"
import { type PublisherDeps, publishDue, runPublishing } from "../../src/publishing/publishing.ts"
import { connectRecords } from "../../src/publishing/redis-records.ts"
import type { Admin } from "./admin.ts"

export const quiet = createLog("test", process.env.TEST_LOG_LEVEL ?? "silent")

type Options = { redisUrl?: string; batchMax?: number }

/** A publisher that publishes when it is told to. */
export async function publisherOf(
  t: Test,
  { databaseUrl, redis }: Pick<Admin, "databaseUrl" | "redis">,
  { redisUrl = redis.url, batchMax = 500 }: Options = {},
): Promise<PublisherDeps> {
  const connection = connectRecords(redisUrl, quiet)
  t.teardown(() => connection.disconnect())
  await once(connection, "ready")
  const db = connectDb(databaseUrl, 4, () => undefined)
  t.teardown(() => db.destroy())
  return {
    ...{ db, redis: connection, log: quiet, batchMax, doubt: null },
    nextWake: () => Promise.resolve(),
    metrics: { published: 0, failures: 0, refills: 0 },
  }
}

/** Lets a publisher run as its process does, until the returned function stops it. */
export function runPublisher(t: Test, deps: PublisherDeps, listenUrl: string, pollMs: number) {
  const listener = listenForDue(listenUrl, pollMs, () => undefined)
  const stopping = new AbortController()
  deps.redis.on("ready", listener.wake)
  const running = runPublishing({ ...deps, nextWake: listener.nextWake }, stopping.signal)
  const stop = async () => {
    stopping.abort()
    listener.wake()
    await running
    await listener.close()
  }
  t.teardown(stop)
  return { listener, stop }
}

export async function publishAll(deps: PublisherDeps): Promise<void> {
  while ((await publishDue(deps)) > 0);
}

export async function readLink(deps: PublisherDeps, key: string): Promise<Versioned<LinkRecord> | null> {
  const value = await deps.redis.get(key)
  return value === null ? null : decodeLink(value)
}

export async function readDomain(deps: PublisherDeps, key: string): Promise<Versioned<DomainRecord> | null> {
  const value = await deps.redis.get(key)
  return value === null ? null : decodeDomain(value)
}

export const NO_DRIFT = {
  ...{ missing: [], stale: [], newer: [], leftOver: [] },
  ...{ missingCounters: [], leftOverCounters: [] },
}

/** Asserts that Redis holds what Postgres says, to the last record. */
export async function expectNoDrift(t: Test, { db, redis }: PublisherDeps): Promise<void> {
  const { compared, ...drift } = await findDrift(db, redis)
  t.same(drift, NO_DRIFT)
  t.ok(compared > 0)
  const { rows } = await sql`select 1 from publications where revision <> published_revision`.execute(db)
  t.equal(rows.length, 0, "nothing is due")
}
