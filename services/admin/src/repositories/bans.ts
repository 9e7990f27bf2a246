import type { BanSet } from "@qiao/core/ban-set.ts"
import { codeKey } from "@qiao/core/code.ts"
import { BANS_KEY, linkKey } from "@qiao/core/keys.ts"
import type { Db, Trx } from "../db/connect.ts"
import type { Ban } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { invalidField, notFound, Problem } from "../problem.ts"
import { banSetOf } from "../publishing/records.ts"
import type { Reach } from "./keys.ts"
import type { LinkRow } from "./links.ts"
import { ownHostsAmong } from "./own-hosts.ts"
import { type Page, type PageRequest, paged } from "./page.ts"
import { type Publication, touchKey } from "./publications.ts"
import { findWorkspace } from "./workspaces.ts"

/*
 * States of a ban: in force → lifted, for good. In force there is at most one for each kind and value. Who bans or lifts locks first what
 * is banned (the link, or the key of the ban set), then the ban.
 */

export type BanFilter = {
  kind?: Ban["kind"] | undefined
  value?: string | undefined
  active?: boolean | undefined
}

/** Who bans, and why. */
export type BanTerms = Pick<Ban, "reason" | "byOperator" | "createdBy">

/** What a ban set holds, and what is banned. */
export type ListedBan = { kind: "host" | "domain" | "workspace"; value: string }

export type Banned = { ban: Ban; publications: Publication[] }

/** Every ban in force but those of single links. */
export async function activeBans(db: Db): Promise<BanSet> {
  return banSetOf(await listedInForce(db).select(["kind", "value"]).execute())
}

const listedInForce = (db: Db) =>
  db.selectFrom("bans").where("liftedAt", "is", null).where("kind", "<>", "link")

/** Newest first. */
export function listBans(db: Db, reach: Reach, filter: BanFilter, page: PageRequest): Promise<Page<Ban>> {
  const { kind, value, active } = filter
  let query = within(db, reach)
  if (kind !== undefined) query = query.where("kind", "=", kind)
  if (value !== undefined) query = query.where("value", "=", value)
  if (active !== undefined) query = query.where("liftedAt", active ? "is" : "is not", null)
  return paged(query, page, "-id")
}

export async function findBan(db: Db, reach: Reach, id: string): Promise<Ban> {
  const ban = await within(db, reach).where("id", "=", id).executeTakeFirst()
  if (ban === undefined) throw notFound("ban")
  return ban
}

const within = (db: Db, reach: Reach) =>
  db
    .selectFrom("bans")
    .selectAll()
    .$if(reach !== "instance", (query) => query.where("workspaceId", "=", reach))

/** Bans a link that the caller locked. The operator's ban takes the place of the workspace's own, which the workspace could lift. */
export async function banLink(trx: Trx, link: LinkRow, terms: BanTerms): Promise<Banned> {
  const { id: value, workspaceId } = link
  if (terms.byOperator) {
    await endBans(trx, terms.createdBy)
      .where("kind", "=", "link")
      .where("value", "=", value)
      .where("byOperator", "=", false)
      .execute()
  }
  const ban = await insertBan(trx, { kind: "link", value, workspaceId, ...terms })
  return { ban, publications: await markLink(trx, value, true) }
}

/** Bans a host, domain or workspace; at most `max` of them are in force. */
export async function banListed(trx: Trx, listed: ListedBan, terms: BanTerms, max: number): Promise<Banned> {
  const workspaceId = await ownerOf(trx, listed)
  const publication = await touchKey(trx, BANS_KEY)
  const ban = await insertBan(trx, { ...listed, workspaceId, ...terms })
  // The key is locked: nobody else adds one meanwhile.
  const { inForce } = await listedInForce(trx)
    .select((eb) => eb.fn.countAll<number>().as("inForce"))
    .executeTakeFirstOrThrow()
  if (inForce > max) {
    const detail = `${max} hosts, domains and workspaces are banned, which is the most that every edge holds.`
    throw new Problem(409, "too_many_bans", detail)
  }
  return { ban, publications: [publication] }
}

async function ownerOf(trx: Trx, { kind, value }: ListedBan): Promise<string | null> {
  switch (kind) {
    case "host":
      if ((await ownHostsAmong(trx, [value])).size === 0) return null
      throw invalidField(
        "/value",
        "own_host",
        "serves links of this instance: ban its domain by the main host",
      )
    case "domain": {
      const domain = await trx
        .selectFrom("domains")
        .select("workspaceId")
        .where("host", "=", value)
        .executeTakeFirst()
      if (domain === undefined) throw notFound("domain")
      return domain.workspaceId
    }
    case "workspace":
      return (await findWorkspace(trx, value)).id
  }
}

/** Lifts a ban. The row stays: it says who banned what, when and why, and who lifted it. */
export async function liftBan(trx: Trx, ban: Ban, liftedBy: string): Promise<Publication[]> {
  const publications =
    ban.kind === "link" ? await markLink(trx, ban.value, false) : [await touchKey(trx, BANS_KEY)]
  const { numUpdatedRows } = await endBans(trx, liftedBy).where("id", "=", ban.id).executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw new Problem(409, "already_lifted", "This ban was lifted already.")
  return publications
}

const endBans = (trx: Trx, liftedBy: string) =>
  trx
    .updateTable("bans")
    .set((eb) => ({ liftedBy, liftedAt: eb.fn<Date>("now", []) }))
    .where("liftedAt", "is", null)

async function insertBan(
  trx: Trx,
  values: Omit<Ban, "id" | "createdAt" | "liftedBy" | "liftedAt">,
): Promise<Ban> {
  const ban = await trx
    .insertInto("bans")
    .values({ id: newId("ban"), ...values })
    .onConflict((conflict) => conflict.columns(["kind", "value"]).where("liftedAt", "is", null).doNothing())
    .returningAll()
    .executeTakeFirst()
  if (ban !== undefined) return ban
  throw new Problem(409, "already_banned", `The ${values.kind} ${values.value} is banned already.`)
}

/** A deleted link is not published: its code answers 410, or is another link's by now. */
async function markLink(trx: Trx, id: string, isBanned: boolean): Promise<Publication[]> {
  const link = await trx
    .updateTable("links as l")
    .from("domains as d")
    .set((eb) => ({ bannedAt: isBanned ? eb.fn<Date>("now", []) : null }))
    .where("l.id", "=", id)
    .whereRef("d.id", "=", "l.domainId")
    .returning(["d.host", "d.caseSensitive", "l.code", "l.deletedAt"])
    .executeTakeFirstOrThrow()
  if (link.deletedAt !== null) return []
  return [await touchKey(trx, linkKey(link.host, codeKey(link.code, link.caseSensitive)))]
}
