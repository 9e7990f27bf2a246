import { type DomainRecord, encodeDomain, encodeLink, type LinkRecord } from "@qiao/core/record.ts"
import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import { linkRecordOf } from "../link-record.ts"

/** What a writer's commit asks to be published. */
export type Publication = { key: string; revision: number }

/** A claimed or streamed row with the value Redis must hold. */
export type PublishableRecord = Publication & { value: string }

export type KeyClaim = { kind: "ok"; publication: Publication } | { kind: "taken" } | { kind: "deleted" }

/**
 * Gives `key` to a new subject; the primary key decides between writers. A key whose subject was deleted is given again only with
 * `reuse`. A refusal locks nothing, or it would hold back the publication of somebody else's change.
 */
export async function claimKey(
  trx: Trx,
  claim: { key: string; kind: "link" | "domain"; subjectId: string; reuse: boolean },
): Promise<KeyClaim> {
  const { key, kind, subjectId, reuse } = claim
  const inserted = await trx
    .insertInto("publications")
    .values({ key, kind, subjectId })
    .onConflict((conflict) => conflict.column("key").doNothing())
    .returning("revision")
    .executeTakeFirst()
  const row = inserted ?? (reuse ? await takeOver(trx, key, subjectId) : undefined)
  if (row !== undefined) {
    await notify(trx)
    return { kind: "ok", publication: { key, revision: row.revision } }
  }
  const holder = await trx
    .selectFrom("publications")
    .select("subjectId")
    .where("key", "=", key)
    .executeTakeFirstOrThrow()
  return holder.subjectId === null ? { kind: "deleted" } : { kind: "taken" }
}

function takeOver(trx: Trx, key: string, subjectId: string): Promise<{ revision: number } | undefined> {
  return trx
    .updateTable("publications")
    .set({ subjectId, revision: sql`revision + 1`, changedAt: sql`now()` })
    .where("key", "=", key)
    .where("subjectId", "is", null)
    .returning("revision")
    .executeTakeFirst()
}

/** Says that the subject of `key` changed. */
export async function touchKey(trx: Trx, key: string): Promise<Publication> {
  return raiseRevision(trx, key, {})
}

/** Says that the subject of `key` is gone: a tombstone is published. */
export async function buryKey(trx: Trx, key: string): Promise<Publication> {
  return raiseRevision(trx, key, { subjectId: null })
}

async function raiseRevision(trx: Trx, key: string, change: { subjectId?: null }): Promise<Publication> {
  const { revision } = await trx
    .updateTable("publications")
    .set({ ...change, revision: sql`revision + 1`, changedAt: sql`now()` })
    .where("key", "=", key)
    .returning("revision")
    .executeTakeFirstOrThrow()
  await notify(trx)
  return { key, revision }
}

/** Publishers listen on this channel; they poll as well, so a lost notification only costs time. */
export const DUE_CHANNEL = "publications"

async function notify(trx: Trx): Promise<void> {
  await sql`select pg_notify(${DUE_CHANNEL}, '')`.execute(trx)
}

/** Locks up to `limit` keys that are due, passing over those another publisher works on. */
export async function claimDue(trx: Trx, limit: number): Promise<string[]> {
  const rows = await trx
    .selectFrom("publications")
    .select("key")
    .whereRef("revision", "<>", "publishedRevision")
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute()
  return rows.map((row) => row.key)
}

/**
 * What Redis must hold for `keys`. A statement of its own: a `FOR UPDATE` that meets a row changed meanwhile returns the new revision
 * beside the old link.
 */
export async function readRecords(db: Db, epoch: number, keys: string[]): Promise<PublishableRecord[]> {
  if (keys.length === 0) return []
  const rows = await publishable(db).where("p.key", "in", keys).execute()
  return rows.map((row) => toRecord(row, epoch))
}

/** Every record in key order, a page at a time. */
export async function* streamRecords(
  db: Db,
  epoch: number,
  pageSize = 1_000,
): AsyncGenerator<PublishableRecord[]> {
  let after = ""
  for (;;) {
    const rows = await publishable(db).where("p.key", ">", after).orderBy("p.key").limit(pageSize).execute()
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows.map((row) => toRecord(row, epoch))
    after = last.key
  }
}

/** Records that a revision is in Redis; a later one stays due. */
export async function markPublished(db: Db, published: Publication[]): Promise<void> {
  const keys = published.map((publication) => publication.key)
  const revisions = published.map((publication) => publication.revision)
  await sql`
    update publications p set published_revision = done.revision, published_at = now()
    from unnest(${keys}::text[], ${revisions}::bigint[]) as done (key, revision)
    where p.key = done.key and p.published_revision < done.revision`.execute(db)
}

/** Makes keys due again: those published since some `seconds` before `since`, or before the last one of all where that is null. */
export async function republishRecent(db: Db, since: Date | null, seconds: number): Promise<number> {
  const last = since ?? sql<Date>`(select max(published_at) from publications)`
  const result = await db
    .updateTable("publications")
    .set({ publishedRevision: 0 })
    .where("publishedAt", ">", sql<Date>`${last}::timestamptz - make_interval(secs => ${seconds})`)
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

export async function republish(db: Db, keys: string[]): Promise<void> {
  await sql`update publications set published_revision = 0 where key = any(${keys}::text[])`.execute(db)
}

export async function knownKeys(db: Db, keys: string[]): Promise<Set<string>> {
  if (keys.length === 0) return new Set()
  const rows = await db.selectFrom("publications").select("key").where("key", "in", keys).execute()
  return new Set(rows.map((row) => row.key))
}

/** How many keys are due, and for how long the oldest. */
export async function countDue(db: Db): Promise<{ due: number; oldestSeconds: number }> {
  return db
    .selectFrom("publications")
    .select((eb) => [
      eb.fn.countAll<number>().as("due"),
      sql<number>`coalesce(extract(epoch from now() - min(changed_at)), 0)::float8`.as("oldestSeconds"),
    ])
    .whereRef("revision", "<>", "publishedRevision")
    .executeTakeFirstOrThrow()
}

export async function readEpoch(db: Db): Promise<number> {
  return (await db.selectFrom("publishing").select("epoch").executeTakeFirstOrThrow()).epoch
}

/**
 * Begins a new epoch, above `floor` and every one before, and returns it. Seconds since 1970 are a floor, too: when both Redis and a part
 * of Postgres were lost, edges remember epochs that neither knows.
 */
export async function raiseEpoch(db: Db, floor: number): Promise<number> {
  const row = await db
    .updateTable("publishing")
    .set({ epoch: sql`greatest(epoch, ${floor}::bigint, extract(epoch from now())::bigint) + 1` })
    .returning("epoch")
    .executeTakeFirstOrThrow()
  return row.epoch
}

/** Begins an epoch above `held`, which Redis has, unless somebody began one since `epoch` was read. */
export async function outrunEpoch(db: Db, epoch: number, held: number): Promise<void> {
  await db
    .updateTable("publishing")
    .set({ epoch: held + 1 })
    .where("epoch", "=", epoch)
    .execute()
}

type PublishableRow = Awaited<ReturnType<ReturnType<typeof publishable>["executeTakeFirstOrThrow"]>>

/** Revision and subject come from one statement, hence from one snapshot. */
const publishable = (db: Db) =>
  db
    .selectFrom("publications as p")
    .leftJoin("links as l", (join) => join.onRef("l.id", "=", "p.subjectId").on("p.kind", "=", "link"))
    .leftJoin("domains as d", (join) => join.onRef("d.id", "=", "p.subjectId").on("p.kind", "=", "domain"))
    .select(["p.key", "p.kind", "p.revision"])
    .select(["l.id", "l.url", "l.redirectStatus", "l.startsAt", "l.expiresAt", "l.expiredUrl", "l.maxClicks"])
    .select([
      "l.enabled",
      "l.forwardQuery",
      "l.forwardPath",
      "l.guidePlatforms",
      "l.allowPlatforms",
      "l.bannedAt",
      "l.rules",
    ])
    .select(["d.host", "d.caseSensitive", "d.rootUrl", "d.notFoundUrl"])

function toRecord(row: PublishableRow, epoch: number): PublishableRecord {
  const { key, revision } = row
  const version = { epoch, revision }
  const value =
    row.kind === "link" ? encodeLink(version, linkRecord(row)) : encodeDomain(version, domainRecord(row))
  return { key, revision, value }
}

/** The columns of a left join are null together. */
function linkRecord(row: PublishableRow): LinkRecord | null {
  if (row.id === null) return null
  const link = row as NonNullableRow<PublishableRow, LinkColumn>
  return linkRecordOf({ ...link, isBanned: row.bannedAt !== null })
}

function domainRecord(row: PublishableRow): DomainRecord | null {
  if (row.host === null) return null
  const { host, caseSensitive, rootUrl, notFoundUrl } = row
  return { host, caseSensitive: caseSensitive !== false, rootUrl, notFoundUrl }
}

type LinkColumn =
  | "id"
  | "url"
  | "redirectStatus"
  | "enabled"
  | "forwardQuery"
  | "forwardPath"
  | "guidePlatforms"
  | "rules"
type NonNullableRow<T, K extends keyof T> = T & { [P in K]: NonNullable<T[P]> }
