import { encodeBanSet } from "@qiao/core/ban-set.ts"
import { encodeDomain } from "@qiao/core/domain-record.ts"
import { encodeLink } from "@qiao/core/record.ts"
import { encodeRuleSet } from "@qiao/core/rule-set-record.ts"
import type { RecordVersion } from "@qiao/core/versioned.ts"
import { sql } from "kysely"
import type { Db } from "../db/connect.ts"
import type { Ban } from "../db/schema.ts"
import type { CountedClicks } from "../publishing/cap-counters.ts"
import {
  banSetOf,
  domainRecordOf,
  encodableLinkOf,
  type PublishedDomain,
  type PublishedLink,
} from "../publishing/records.ts"
import type { Publication } from "./publications.ts"
import { FOR_EVER } from "./upkeep/erasures.ts"

/**
 * A claimed or streamed row with the value Redis must hold. `counted` is of a link with `maxClicks`; `uncounted` are links that have, or
 * had, this key and no `maxClicks`.
 */
export type PublishableRecord = Publication & {
  value: string
  counted: CountedClicks | null
  uncounted: string[]
}

/**
 * What Redis must hold for `keys`. A statement of its own: a `FOR UPDATE` that meets a row changed meanwhile returns the new revision
 * beside the old subject.
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

/** Revision and subject come from one statement, hence from one snapshot. */
const publishable = (db: Db) =>
  db
    .selectFrom("publications as p")
    .leftJoin("links as l", (join) => join.onRef("l.id", "=", "p.subjectId").on("p.kind", "=", "link"))
    .leftJoin("linkTotals as t", "t.linkId", "l.id")
    .leftJoin("domains as d", (join) => join.onRef("d.id", "=", "p.subjectId").on("p.kind", "=", "domain"))
    .leftJoin("workspaces as w", "w.id", "d.workspaceId")
    .leftJoin("ruleSets as r", (join) => join.onRef("r.id", "=", "p.subjectId").on("p.kind", "=", "rule_set"))
    .select(["p.key", "p.kind", "p.revision", "p.subjectId", "p.buriedId"])
    .select(["l.id", "l.url", "l.redirectStatus", "l.startsAt", "l.expiresAt", "l.expiredUrl"])
    .select(["l.maxClicks", "l.capWhenUnavailable", "l.clicksErasedAt", "t.clicks"])
    .select(["l.enabled", "l.forwardQuery", "l.forwardPath", "l.guidePlatforms", "l.allowPlatforms"])
    .select(["l.bannedAt", "l.rules", "l.ruleSetId", "l.passwordHash", "l.passwordVersion"])
    .select(["d.host", "d.workspaceId", "d.caseSensitive", "d.rootUrl", "d.notFoundUrl", "d.files"])
    .select(["d.expiredUrl as domainExpiredUrl", "d.appleAppSiteAssociation", "d.assetLinks", "d.robotsTxt"])
    .select(["w.brand", "w.wechatSignatureUrl"])
    .select("r.rules as sharedRules")
    .select(bansInForce.as("bans"))

const bansInForce = sql<Pick<Ban, "kind" | "value">[]>`
  case when p.kind = 'bans' then (
    select coalesce(json_agg(json_build_object('kind', kind, 'value', value)), '[]')
    from bans where lifted_at is null and kind <> 'link'
  ) end`

type PublishableRow = Awaited<ReturnType<ReturnType<typeof publishable>["executeTakeFirstOrThrow"]>>

function toRecord(row: PublishableRow, epoch: number): PublishableRecord {
  const { key, revision } = row
  const value = encode(row, { epoch, revision })
  const counted = row.id === null || row.maxClicks === null ? null : countedOf(row, row.id)
  return { key, revision, value, counted, uncounted: uncountedOf(row, counted) }
}

function countedOf({ clicks, clicksErasedAt }: PublishableRow, linkId: string): CountedClicks {
  const since = clicksErasedAt?.getTime() ?? 0
  return { linkId, used: clicks ?? 0, since: since === FOR_EVER.getTime() ? null : since }
}

function uncountedOf({ kind, subjectId, buriedId }: PublishableRow, counted: CountedClicks | null): string[] {
  if (kind !== "link") return []
  return [subjectId, buriedId].filter((id) => id !== null).filter((id) => id !== counted?.linkId)
}

/** The columns of a left join are null together; a subject without its row was deleted. */
function encode(row: PublishableRow, version: RecordVersion): string {
  switch (row.kind) {
    case "link":
      return encodeLink(version, row.id === null ? null : encodableLinkOf(row as PublishedLink))
    case "domain": {
      const domain = { ...row, expiredUrl: row.domainExpiredUrl }
      return encodeDomain(version, row.host === null ? null : domainRecordOf(domain as PublishedDomain))
    }
    case "rule_set":
      return encodeRuleSet(version, row.sharedRules && { rules: row.sharedRules.map((rule) => ({ rule })) })
    case "bans":
      return encodeBanSet(version, banSetOf(row.bans))
  }
}
