import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import { LOCKS } from "../db/locks.ts"
import type { Tag } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { notFound } from "../problem.ts"
import { type Page, type PageRequest, paged } from "./page.ts"
import { requestErasure } from "./upkeep/erasures.ts"

export function listTags(db: Db, workspaceId: string, page: PageRequest): Promise<Page<Tag>> {
  return paged(db.selectFrom("tags").selectAll().where("workspaceId", "=", workspaceId), page)
}

export async function findTag(db: Db, workspaceId: string, id: string): Promise<Tag> {
  return found(await byId(db, workspaceId, id).executeTakeFirst())
}

/** Finds a tag for a change: nobody else changes a tag of the workspace, or gives one to a link, before this transaction ends. */
export async function lockTag(trx: Trx, workspaceId: string, id: string): Promise<Tag> {
  await holdTags(trx, workspaceId)
  return found(await byId(trx, workspaceId, id).forUpdate().executeTakeFirst())
}

export async function createTag(trx: Trx, workspaceId: string, name: string): Promise<Tag> {
  return trx
    .insertInto("tags")
    .values({ id: newId("tag"), workspaceId, name })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Renames a tag that the caller locked. */
export async function renameTag(trx: Trx, tag: Tag, name: string): Promise<Tag> {
  return trx
    .updateTable("tags")
    .set((eb) => ({ name, version: eb("version", "+", 1), updatedAt: eb.fn<Date>("now", []) }))
    .where("id", "=", tag.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Deletes a tag that the caller locked; what was counted by it goes in the background. */
export async function deleteTag(trx: Trx, { id, workspaceId }: Tag, requestedBy: string): Promise<void> {
  await trx.deleteFrom("tags").where("id", "=", id).execute()
  await requestErasure(trx, { kind: "tag", subjectId: id, workspaceId, requestedBy })
}

/** Gives a link exactly these tags; names that are new to the workspace become tags of it. */
export async function setTags(trx: Trx, workspaceId: string, linkId: string, names: string[]): Promise<void> {
  await keepTags(trx, workspaceId)
  await trx.deleteFrom("linkTags").where("linkId", "=", linkId).execute()
  if (names.length === 0) return
  // In one order everywhere, so that two writers of the same new tags cannot block each other.
  const sorted = [...names].sort()
  await trx
    .insertInto("tags")
    .values(sorted.map((name) => ({ id: newId("tag"), workspaceId, name })))
    .onConflict((conflict) => conflict.columns(["workspaceId", "name"]).doNothing())
    .execute()
  await trx
    .insertInto("linkTags")
    .columns(["linkId", "tagId"])
    .expression((eb) =>
      eb
        .selectFrom("tags")
        .select([eb.val(linkId).as("linkId"), "tags.id"])
        .where("workspaceId", "=", workspaceId)
        .where("name", "in", names),
    )
    .execute()
}

/**
 * Until this transaction ends no tag of the workspace is renamed or deleted. Row locks alone would do that in circles: a deletion takes
 * a tag's row and then its links', a link's change the other way round.
 */
async function keepTags(trx: Trx, workspaceId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${LOCKS.tags}, hashtext(${workspaceId}))`.execute(trx)
}

async function holdTags(trx: Trx, workspaceId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${LOCKS.tags}, hashtext(${workspaceId}))`.execute(trx)
}

const byId = (db: Db, workspaceId: string, id: string) =>
  db.selectFrom("tags").selectAll().where("workspaceId", "=", workspaceId).where("id", "=", id)

function found(tag: Tag | undefined): Tag {
  if (tag === undefined) throw notFound("tag")
  return tag
}
