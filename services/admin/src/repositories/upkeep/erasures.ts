import { codeKey } from "@qiao/core/code.ts"
import { linkKey } from "@qiao/core/keys.ts"
import type pg from "pg"
import type { Db, Trx } from "../../db/connect.ts"
import type { Erasure } from "../../db/schema.ts"
import { newId } from "../../ids.ts"
import { notFound } from "../../problem.ts"
import type { Reach } from "../keys.ts"
import { inTransaction } from "../transaction.ts"

/*
 * What is to be erased, asked for by the API and done in the background. States: requested → finished. While a link or workspace is
 * being erased, nothing that arrives for it is kept.
 */

/** After any visit: whose clicks are erased from before this time has none that are kept. */
export const FOR_EVER = new Date("9999-01-01T00:00:00Z")

export type ErasureRequest = Pick<Erasure, "kind" | "subjectId" | "workspaceId" | "requestedBy">

export async function findErasure(db: Db, reach: Reach, id: string): Promise<Erasure> {
  const erasure = await db
    .selectFrom("erasures")
    .selectAll()
    .where("id", "=", id)
    .$if(reach !== "instance", (query) => query.where("workspaceId", "=", reach))
    .executeTakeFirst()
  if (erasure === undefined) throw notFound("erasure")
  return erasure
}

/** Asks for the clicks of a workspace's link, deleted or not, to be erased. One that is under way already is answered again. */
export async function requestLinkErasure(trx: Trx, request: Omit<ErasureRequest, "kind">): Promise<Erasure> {
  const { subjectId: id, workspaceId } = request
  const link = await trx
    .updateTable("links")
    .set({ clicksErasedAt: FOR_EVER })
    .where("id", "=", id)
    .where("workspaceId", "=", workspaceId)
    .returning("id")
    .executeTakeFirst()
  if (link === undefined) throw notFound("link")
  // The link is locked: nobody else asks for it, or finishes it, at the same time.
  const running = await trx
    .selectFrom("erasures")
    .selectAll()
    .where("kind", "=", "link")
    .where("subjectId", "=", id)
    .where("finishedAt", "is", null)
    .executeTakeFirst()
  return running ?? requestErasure(trx, { ...request, kind: "link" })
}

export function requestErasure(trx: Trx, request: ErasureRequest): Promise<Erasure> {
  return trx
    .insertInto("erasures")
    .values({ id: newId("era"), ...request })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function countErasuresDue(db: Db): Promise<number> {
  const { due } = await db
    .selectFrom("erasures")
    .select((eb) => eb.fn.countAll<number>().as("due"))
    .where("finishedAt", "is", null)
    .executeTakeFirstOrThrow()
  return due
}

export type DueErasure = Pick<Erasure, "id" | "kind" | "subjectId" | "workspaceId">

/** What was asked for first and is not finished. */
export async function nextErasure(client: pg.ClientBase): Promise<DueErasure | null> {
  const { rows } = await client.query<DueErasure>(
    `select id, kind, subject_id as "subjectId", workspace_id as "workspaceId" from erasures
     where finished_at is null order by id limit 1`,
  )
  return rows[0] ?? null
}

/** True while something is being erased, and for so long afterwards that nobody holds what was read before. */
export async function isErasing(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query({
    name: "is-erasing",
    text: "select from erasures where finished_at is null or finished_at > now() - interval '1 hour' limit 1",
  })
  return rows.length > 0
}

export async function finishErasure(
  client: pg.ClientBase,
  { id, kind, subjectId }: DueErasure,
  nowMs: number,
): Promise<void> {
  const now = new Date(nowMs)
  await inTransaction(client, async () => {
    if (kind === "link") await keepClicksSince(client, subjectId, now)
    await client.query("update erasures set finished_at = $2 where id = $1", [id, now])
  })
}

/** From now on clicks of the link are kept again, and its counter of `maxClicks` starts with them: the publisher sees to that. */
async function keepClicksSince(client: pg.ClientBase, linkId: string, now: Date): Promise<void> {
  const { rows } = await client.query<{ host: string; code: string; case_sensitive: boolean }>(
    `update links l set clicks_erased_at = $2 from domains d where l.id = $1 and d.id = l.domain_id
     returning d.host, l.code, d.case_sensitive`,
    [linkId, now],
  )
  // Of a deleted link the key may be another's by now.
  await client.query(
    "update publications set published_revision = 0 where key = any($1) and subject_id = $2",
    [rows.map((link) => linkKey(link.host, codeKey(link.code, link.case_sensitive))), linkId],
  )
}
