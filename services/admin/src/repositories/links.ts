import { codeKey } from "@qiao/core/code.ts"
import { linkKey } from "@qiao/core/keys.ts"
import type { LinkSettings } from "@qiao/core/link.ts"
import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import type { Domain, LinkStatus } from "../db/schema.ts"
import { notFound, Problem } from "../problem.ts"
import { buryKey, claimKey, type KeyClaim, type Publication, touchKey } from "./publications.ts"
import { setTags } from "./tags.ts"

/** How a caller names a link: by its id, its externalId, or where it is served. */
export type LinkRef =
  | { by: "id"; id: string }
  | { by: "externalId"; externalId: string }
  | { by: "address"; host: string; code: string }

export type LinkRow = Awaited<ReturnType<ReturnType<typeof selectLinks>["executeTakeFirstOrThrow"]>>

/** Links as they are answered, with domain, tags, totals and status; deleted ones left out. */
export const selectLinks = (db: Db) =>
  db
    .selectFrom("links as l")
    .innerJoin("domains as d", "d.id", "l.domainId")
    .leftJoin("linkTotals as t", "t.linkId", "l.id")
    .selectAll("l")
    .select(["d.host", "d.origin", "d.caseSensitive", "d.platformStatus"])
    .select((eb) => [
      eb.fn.coalesce("t.visits", eb.lit(0)).as("visits"),
      eb.fn.coalesce("t.automated", eb.lit(0)).as("automated"),
      eb.fn.coalesce("t.clicks", eb.lit(0)).as("clicks"),
      statusOf.as("status"),
      tagNames.as("tags"),
    ])
    .where("l.deletedAt", "is", null)

/** The order of `decide` in core, so that the API calls a link what the edge makes of it. */
export const statusOf = sql<LinkStatus>`
  case
    when l.banned_at is not null then 'banned'
    when l.starts_at > now() then 'scheduled'
    when not l.enabled then 'disabled'
    when l.expires_at <= now() then 'expired'
    when coalesce(t.clicks, 0) >= l.max_clicks then 'exhausted'
    else 'active'
  end`

const tagNames = sql<string[]>`
  array(
    select tags.name from link_tags join tags on tags.id = link_tags.tag_id
    where link_tags.link_id = l.id order by tags.name
  )`

export async function findLink(db: Db, workspaceId: string, ref: LinkRef): Promise<LinkRow> {
  const id = await resolve(db, workspaceId, ref)
  const row = await selectLinks(db)
    .where("l.id", "=", id)
    .where("l.workspaceId", "=", workspaceId)
    .executeTakeFirst()
  if (row === undefined) throw notFound("link")
  return row
}

/** Finds and locks a link for a change: who comes second sees what the first one did. */
export async function lockLink(trx: Trx, workspaceId: string, ref: LinkRef): Promise<LinkRow> {
  const id = await resolve(trx, workspaceId, ref)
  await trx
    .selectFrom("links")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .forUpdate()
    .execute()
  return findLink(trx, workspaceId, { by: "id", id })
}

/** Locks the link with this externalId, or returns null. */
export async function lockByExternalId(
  trx: Trx,
  workspaceId: string,
  externalId: string,
): Promise<LinkRow | null> {
  const row = await trx
    .selectFrom("links")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("externalId", "=", externalId)
    .where("deletedAt", "is", null)
    .forUpdate()
    .executeTakeFirst()
  return row === undefined ? null : findLink(trx, workspaceId, { by: "id", id: row.id })
}

async function resolve(db: Db, workspaceId: string, ref: LinkRef): Promise<string> {
  if (ref.by === "id") return ref.id
  const id =
    ref.by === "externalId" ? await byExternalId(db, workspaceId, ref) : await byAddress(db, workspaceId, ref)
  if (id === undefined) throw notFound("link")
  return id
}

async function byExternalId(
  db: Db,
  workspaceId: string,
  ref: { externalId: string },
): Promise<string | undefined> {
  const row = await db
    .selectFrom("links")
    .select("id")
    .where("workspaceId", "=", workspaceId)
    .where("externalId", "=", ref.externalId)
    .where("deletedAt", "is", null)
    .executeTakeFirst()
  return row?.id
}

async function byAddress(
  db: Db,
  workspaceId: string,
  ref: { host: string; code: string },
): Promise<string | undefined> {
  const domain = await db
    .selectFrom("domains as d")
    .innerJoin("domainHosts as h", "h.domainId", "d.id")
    .select(["d.host", "d.caseSensitive"])
    .where("d.workspaceId", "=", workspaceId)
    .where("h.host", "=", ref.host)
    .executeTakeFirst()
  if (domain === undefined) return undefined
  const key = linkKey(domain.host, codeKey(ref.code, domain.caseSensitive))
  const row = await db
    .selectFrom("publications")
    .select("subjectId")
    .where("key", "=", key)
    .executeTakeFirst()
  return row?.subjectId ?? undefined
}

export type NewLink = {
  id: string
  domain: Domain
  code: string
  reuse: boolean
  settings: LinkSettings
  passwordHash: string | null
}

/** Claims the code and stores the link. A code that is taken or deleted is answered as such. */
export async function insertLink(trx: Trx, workspaceId: string, link: NewLink): Promise<KeyClaim> {
  const { id, domain, code, reuse, settings, passwordHash } = link
  const key = linkKey(domain.host, codeKey(code, domain.caseSensitive))
  const claim = await claimKey(trx, { key, kind: "link", subjectId: id, reuse })
  if (claim.kind !== "ok") return claim
  if (reuse) await refuseBannedCode(trx, domain, code)
  await trx
    .insertInto("links")
    .values({ id, workspaceId, domainId: domain.id, code, passwordHash, ...columnsOf(settings) })
    .execute()
  await setTags(trx, workspaceId, id, settings.tags)
  return claim
}

/** A link that the operator banned does not come back under its code by being deleted. */
async function refuseBannedCode(trx: Trx, { id, caseSensitive }: Domain, code: string): Promise<void> {
  const banned = await trx
    .selectFrom("links as l")
    .innerJoin("bans as b", (join) => join.onRef("b.value", "=", "l.id").on("b.kind", "=", "link"))
    .select("l.code")
    .where("l.domainId", "=", id)
    .where("b.byOperator", "=", true)
    .where("b.liftedAt", "is", null)
    .execute()
  // Compared here: Postgres folds the case of other letters than we do.
  const key = codeKey(code, caseSensitive)
  if (!banned.some((link) => codeKey(link.code, caseSensitive) === key)) return
  throw new Problem(409, "code_banned", `The code ${code} belonged to a link that the operator banned.`)
}

/** What a change of a link does to its password: null takes it away, undefined leaves it. */
export type PasswordChange = string | null | undefined

/** Writes the settings of a link that the caller locked. */
export async function updateLink(
  trx: Trx,
  row: LinkRow,
  settings: LinkSettings,
  passwordHash: PasswordChange,
): Promise<Publication> {
  await trx
    .updateTable("links")
    .set((eb) => ({
      ...columnsOf(settings),
      ...(passwordHash !== undefined && { passwordHash, passwordVersion: eb("passwordVersion", "+", 1) }),
      version: eb("version", "+", 1),
      updatedAt: eb.fn<Date>("now", []),
    }))
    .where("id", "=", row.id)
    .execute()
  // The very list that was read: the change is about something else, and need not wait for those who change tags.
  if (settings.tags !== row.tags) await setTags(trx, row.workspaceId, row.id, settings.tags)
  return touchKey(trx, keyOf(row))
}

/** Deletes a link that the caller locked; its code answers 410 from then on. */
export async function deleteLink(trx: Trx, row: LinkRow): Promise<Publication> {
  await trx
    .updateTable("links")
    .set((eb) => ({ deletedAt: eb.fn<Date>("now", []), version: eb("version", "+", 1) }))
    .where("id", "=", row.id)
    .execute()
  return buryKey(trx, keyOf(row))
}

/** Those of the links that have `maxClicks`, and are not deleted. */
export async function cappedLinks(db: Db, ids: string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom("links")
    .select("id")
    .where("id", "in", ids)
    .where("maxClicks", "is not", null)
    .where("deletedAt", "is", null)
    .execute()
  return new Set(rows.map(({ id }) => id))
}

export function settingsOf(row: LinkRow): LinkSettings {
  const { url, title, externalId, tags, redirectStatus, startsAt, expiresAt, expiredUrl, maxClicks } = row
  const { enabled, forwardQuery, forwardPath, guidePlatforms, allowPlatforms } = row
  const { capWhenUnavailable, rules, ruleSetId } = row
  return {
    url,
    title,
    externalId,
    tags,
    redirectStatus,
    startsAt,
    expiresAt,
    expiredUrl,
    maxClicks,
    capWhenUnavailable,
    enabled,
    forwardQuery,
    forwardPath,
    guidePlatforms,
    allowPlatforms,
    rules,
    ruleSetId,
  }
}

function columnsOf({ tags: _, rules, ...columns }: LinkSettings) {
  return { ...columns, rules: JSON.stringify(rules) }
}

export function codeTaken(code: string, claim: "taken" | "deleted"): Problem {
  if (claim === "taken") return new Problem(409, "code_taken", `The code ${code} is taken on this domain.`)
  const detail = `The code ${code} belonged to a deleted link; send "reuse": true to take it again.`
  return new Problem(409, "code_deleted", detail)
}

const keyOf = (row: LinkRow): string => linkKey(row.host, codeKey(row.code, row.caseSensitive))
