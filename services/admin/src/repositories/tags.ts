import type { Db, Trx } from "../db/connect.ts"
import type { Tag } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { notFound } from "../problem.ts"
import { type Page, type PageRequest, paged } from "./page.ts"

export function listTags(db: Db, workspaceId: string, page: PageRequest): Promise<Page<Tag>> {
  return paged(db.selectFrom("tags").selectAll().where("workspaceId", "=", workspaceId), page)
}

export async function findTag(db: Db, workspaceId: string, id: string): Promise<Tag> {
  return found(await byId(db, workspaceId, id).executeTakeFirst())
}

export async function lockTag(trx: Trx, workspaceId: string, id: string): Promise<Tag> {
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

export async function deleteTag(trx: Trx, tag: Tag): Promise<void> {
  await trx.deleteFrom("tags").where("id", "=", tag.id).execute()
}

/** Gives a link exactly these tags; names that are new to the workspace become tags of it. */
export async function setTags(trx: Trx, workspaceId: string, linkId: string, names: string[]): Promise<void> {
  const tagIds = await holdTags(trx, workspaceId, names)
  await trx.deleteFrom("linkTags").where("linkId", "=", linkId).execute()
  if (tagIds.length === 0) return
  await trx
    .insertInto("linkTags")
    .values(tagIds.map((tagId) => ({ linkId, tagId })))
    .execute()
}

/**
 * The ids of the tags with these names, made where there are none, and kept from being deleted before this transaction ends. Held
 * before any link loses or gets them, as a tag's deletion locks in that order as well.
 */
async function holdTags(trx: Trx, workspaceId: string, names: string[]): Promise<string[]> {
  if (names.length === 0) return []
  // In one order everywhere, so that two writers of the same new tags cannot block each other.
  const sorted = [...names].sort()
  for (;;) {
    await trx
      .insertInto("tags")
      .values(sorted.map((name) => ({ id: newId("tag"), workspaceId, name })))
      .onConflict((conflict) => conflict.columns(["workspaceId", "name"]).doNothing())
      .execute()
    const held = await trx
      .selectFrom("tags")
      .select("id")
      .where("workspaceId", "=", workspaceId)
      .where("name", "in", names)
      .forKeyShare()
      .execute()
    // Fewer when one was deleted in between.
    if (held.length === names.length) return held.map((tag) => tag.id)
  }
}

const byId = (db: Db, workspaceId: string, id: string) =>
  db.selectFrom("tags").selectAll().where("workspaceId", "=", workspaceId).where("id", "=", id)

function found(tag: Tag | undefined): Tag {
  if (tag === undefined) throw notFound("tag")
  return tag
}
