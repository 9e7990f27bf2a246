import { BANS_KEY } from "@qiao/core/keys.ts"
import { type RawBuilder, sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"

/** What a writer's commit asks to be published. */
export type Publication = { key: string; revision: number }

export type KeyClaim = { kind: "ok"; publication: Publication } | { kind: "taken" } | { kind: "deleted" }

/**
 * Gives `key` to a new subject; the primary key decides between writers. A key whose subject was deleted is given again only with
 * `reuse`. A refusal locks nothing, or it would hold back the publication of somebody else's change.
 */
export async function claimKey(
  trx: Trx,
  claim: { key: string; kind: "link" | "domain" | "rule_set"; subjectId: string; reuse: boolean },
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

/** Says that the subject of `key` is gone: a tombstone is published, and the counter of a link with `maxClicks` goes. */
export async function buryKey(trx: Trx, key: string): Promise<Publication> {
  return raiseRevision(trx, key, { subjectId: null, buriedId: sql`subject_id` })
}

type Burial = { subjectId?: null; buriedId?: RawBuilder<string> }

async function raiseRevision(trx: Trx, key: string, change: Burial): Promise<Publication> {
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

/**
 * Locks up to `limit` keys that are due, passing over those another publisher works on. First comes the ban set; of the rest, half are
 * the newest, so that the ban of a link waits behind no backlog, and half the oldest, so that none waits for ever.
 */
export async function claimDue(trx: Trx, limit: number): Promise<string[]> {
  const bans = await keysIn(dueBut(trx, []).where("key", "=", BANS_KEY))
  const half = Math.ceil((limit - bans.length) / 2)
  const newest = await keysIn(dueBut(trx, bans).orderBy("changedAt", "desc").limit(half))
  const claimed = [...bans, ...newest]
  if (newest.length < half) return claimed
  const oldest = await keysIn(
    dueBut(trx, claimed)
      .orderBy("changedAt")
      .limit(limit - claimed.length),
  )
  return [...claimed, ...oldest]
}

/** A transaction does not pass over the rows that it locked itself. */
const dueBut = (trx: Trx, claimed: string[]) =>
  trx
    .selectFrom("publications")
    .select("key")
    .whereRef("revision", "<>", "publishedRevision")
    .where(sql<boolean>`key <> all(${claimed}::text[])`)
    .forUpdate()
    .skipLocked()

async function keysIn(due: ReturnType<typeof dueBut>): Promise<string[]> {
  return (await due.execute()).map(({ key }) => key)
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

export async function republishSubjects(db: Db, ids: string[]): Promise<void> {
  await sql`update publications set published_revision = 0 where subject_id = any(${ids}::text[])`.execute(db)
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
