import { pipeline } from "node:stream/promises"
import type { ClickBatch, RecordedVisit } from "@qiao/core/click.ts"
import type pg from "pg"
import { from as copyFrom } from "pg-copy-streams"
import { countVisits, type InstanceCounts, type LinkCounts, type RollupCounts } from "../counting.ts"
import { addGuideTokens } from "./guide-tokens.ts"

const DAY_MS = 86_400_000

/**
 * Ids of batches that come after the horizon, or from a clock that is days ahead, have one time for all of them, which lies in the
 * default partition: copies meet there whenever they come.
 */
const PAST_MS = 0
const FUTURE_MS = Date.UTC(9999, 0)

export type StoreOptions = { nowMs: number; horizonMs: number }

export type Stored = { visits: number; duplicateBatches: number; expiredVisits: number }

/**
 * Stores batches and all that is counted from them in one transaction: each batch once, however often it is delivered. Rows are
 * written in key order, so that two ingests never wait for each other in a circle. Throws what Postgres throws, with nothing stored.
 */
export async function storeBatches(
  client: pg.ClientBase,
  batches: ClickBatch[],
  { nowMs, horizonMs }: StoreOptions,
): Promise<Stored> {
  const isExpired = ({ sealedAtMs }: ClickBatch) => sealedAtMs < nowMs - horizonMs
  const idTimeOf = (batch: ClickBatch) => {
    if (isExpired(batch)) return PAST_MS
    return batch.sealedAtMs > nowMs + DAY_MS ? FUTURE_MS : batch.sealedAtMs
  }
  await client.query("begin")
  try {
    const unknown = await claimBatches(client, batches, idTimeOf)
    const fresh = unknown.filter((batch) => !isExpired(batch))
    const expired = unknown.filter(isExpired)
    const workspaces = await workspacesOf(client, fresh)
    const counts = countVisits({ delivered: batches, fresh, expired, workspaces, nowMs })
    await copyVisits(client, counts.rows)
    await addInstances(client, counts.instances)
    await addTotals(client, counts.links)
    await addRollups(client, counts.rollups)
    await addGuideTokens(client, counts.guideTokens)
    await client.query("commit")
    return {
      visits: counts.rows.length,
      duplicateBatches: batches.length - unknown.length,
      expiredVisits: expired.reduce((sum, batch) => sum + batch.visits.length, 0),
    }
  } catch (err) {
    await client.query("rollback").catch(() => {})
    throw err
  }
}

/** Counts the visits of a batch that can never be stored. */
export async function countDeadLettered(client: pg.ClientBase, batch: ClickBatch): Promise<void> {
  await client.query(
    `insert into edge_instances (instance, accepted, spilled, dropped, dead_lettered, last_at)
     values ($1, $2, $3, $4, $5, now())
     on conflict (instance) do update set dead_lettered = edge_instances.dead_lettered + excluded.dead_lettered`,
    [
      batch.instance,
      batch.counters.accepted,
      batch.counters.spilled,
      batch.counters.dropped,
      batch.visits.length,
    ],
  )
}

/** The batches whose ids were not known yet. */
async function claimBatches(
  client: pg.ClientBase,
  batches: ClickBatch[],
  idTimeOf: (batch: ClickBatch) => number,
): Promise<ClickBatch[]> {
  const ids = batches
    .map((batch) => ({ batch, timeMs: idTimeOf(batch), instance: batch.instance, sequence: batch.sequence }))
    .sort((a, b) => a.timeMs - b.timeMs || compare(a.instance, b.instance) || a.sequence - b.sequence)
  const { rows } = await client.query<{ sealed_at: Date; instance: string; sequence: number }>(
    `insert into click_batches (sealed_at, instance, sequence)
     select * from unnest($1::timestamptz[], $2::text[], $3::bigint[])
     on conflict do nothing returning sealed_at, instance, sequence`,
    [ids.map((id) => new Date(id.timeMs)), ids.map((id) => id.instance), ids.map((id) => id.sequence)],
  )
  const nameOf = (timeMs: number, instance: string, sequence: number) => `${timeMs}/${sequence}/${instance}`
  const claimed = new Set(rows.map((row) => nameOf(row.sealed_at.getTime(), row.instance, row.sequence)))
  // Taken out once met, as two copies of a batch may have come in one read.
  return ids
    .filter(({ timeMs, instance, sequence }) => claimed.delete(nameOf(timeMs, instance, sequence)))
    .map(({ batch }) => batch)
}

async function workspacesOf(client: pg.ClientBase, batches: ClickBatch[]): Promise<Map<string, string>> {
  const linkIds = new Set(batches.flatMap((batch) => batch.visits.map((visit) => visit.linkId)))
  const { rows } = await client.query<{ id: string; workspace_id: string }>(
    "select id, workspace_id from links where id = any($1)",
    [[...linkIds]],
  )
  return new Map(rows.map((row) => [row.id, row.workspace_id]))
}

export type VisitRow = { visit: RecordedVisit; atMs: number; workspaceId: string | null }

async function copyVisits(client: pg.ClientBase, rows: VisitRow[]): Promise<void> {
  if (rows.length === 0) return
  const copy = client.query(
    copyFrom(
      `copy visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer,
         rule, variant)
       from stdin`,
    ),
  )
  await pipeline([rows.map(copyLine).join("")], copy)
}

function copyLine({ visit, atMs, workspaceId }: VisitRow): string {
  const { linkId, outcome, automated, visitor, language, referrer, rule, variant } = visit
  const fields = [
    ...[new Date(atMs).toISOString(), copyText(linkId), workspaceId === null ? "\\N" : workspaceId],
    ...[outcome, automated ? "t" : "f", visitor.platform, visitor.os, visitor.device, visitor.browser].map(
      copyText,
    ),
    ...[language, referrer, rule, variant].map(copyText),
  ]
  return `${fields.join("\t")}\n`
}

/** Escapes what COPY's text format gives a meaning to. */
function copyText(value: string): string {
  return value.replace(/[\\\t\n\r]/g, (char) => COPY_ESCAPES[char] ?? char)
}

const COPY_ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" }

async function addTotals(client: pg.ClientBase, links: LinkCounts[]): Promise<void> {
  await client.query(
    `insert into link_totals as t (link_id, visits, automated, clicks)
     select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
     on conflict (link_id) do update set
       visits = t.visits + excluded.visits, automated = t.automated + excluded.automated, clicks = t.clicks + excluded.clicks`,
    [
      links.map((link) => link.linkId),
      links.map((link) => link.visits),
      links.map((link) => link.automated),
      links.map((link) => link.clicks),
    ],
  )
}

async function addRollups(client: pg.ClientBase, rollups: RollupCounts[]): Promise<void> {
  await client.query(
    `insert into visit_rollups as r (scope_id, dimension, bucket, value, automated, visits, clicks)
     select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bool[], $6::bigint[], $7::bigint[])
     on conflict (scope_id, dimension, bucket, value, automated) do update set
       visits = r.visits + excluded.visits, clicks = r.clicks + excluded.clicks`,
    [
      rollups.map((rollup) => rollup.scopeId),
      rollups.map((rollup) => rollup.dimension),
      rollups.map((rollup) => new Date(rollup.bucketMs)),
      rollups.map((rollup) => rollup.value),
      rollups.map((rollup) => rollup.automated),
      rollups.map((rollup) => rollup.visits),
      rollups.map((rollup) => rollup.clicks),
    ],
  )
}

/** An instance's own counters only grow, so the greatest seen is the newest, in whatever order batches come. */
async function addInstances(client: pg.ClientBase, instances: InstanceCounts[]): Promise<void> {
  await client.query(
    `insert into edge_instances as e
       (instance, accepted, spilled, dropped, last_at, stored, duplicate_batches, expired)
     select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],
       $6::bigint[], $7::bigint[], $8::bigint[])
     on conflict (instance) do update set
       accepted = greatest(e.accepted, excluded.accepted), spilled = greatest(e.spilled, excluded.spilled),
       dropped = greatest(e.dropped, excluded.dropped), last_at = greatest(e.last_at, excluded.last_at),
       stored = e.stored + excluded.stored, expired = e.expired + excluded.expired,
       duplicate_batches = e.duplicate_batches + excluded.duplicate_batches`,
    [
      instances.map((instance) => instance.instance),
      instances.map((instance) => instance.accepted),
      instances.map((instance) => instance.spilled),
      instances.map((instance) => instance.dropped),
      instances.map((instance) => new Date(instance.lastAtMs)),
      instances.map((instance) => instance.stored),
      instances.map((instance) => instance.duplicateBatches),
      instances.map((instance) => instance.expired),
    ],
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
