import { ruleSetKey } from "@qiao/core/keys.ts"
import type { Rule } from "@qiao/core/rule.ts"
import { sql } from "kysely"
import type { Db, Trx } from "../db/connect.ts"
import type { RuleSet } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { notFound, Problem } from "../problem.ts"
import { type Page, type PageRequest, paged } from "./page.ts"
import { buryKey, claimKey, type Publication, touchKey } from "./publications.ts"

/** Counting further would make a list dearer the more links there are. */
export const LINKS_COUNTED_MAX = 1_000

/** `links`: how many use it, up to `LINKS_COUNTED_MAX`. */
export type RuleSetRow = RuleSet & { links: number }

const selectRuleSets = (db: Db) => db.selectFrom("ruleSets").selectAll().select(usedBy.as("links"))

const usedBy = sql<number>`(
  select count(*) from (
    select from links where links.rule_set_id = rule_sets.id and links.deleted_at is null limit ${sql.lit(LINKS_COUNTED_MAX)}
  ) as used
)`

export function listRuleSets(db: Db, workspaceId: string, page: PageRequest): Promise<Page<RuleSetRow>> {
  return paged(selectRuleSets(db).where("workspaceId", "=", workspaceId), page)
}

export async function findRuleSet(db: Db, workspaceId: string, id: string): Promise<RuleSetRow> {
  const row = await selectRuleSets(db)
    .where("workspaceId", "=", workspaceId)
    .where("id", "=", id)
    .executeTakeFirst()
  if (row === undefined) throw notFound("rule set")
  return row
}

/** The rules of a rule set, null where the workspace has none of this id. */
export async function findRules(db: Db, workspaceId: string, id: string): Promise<Rule[] | null> {
  const row = await ownRuleSet(db, workspaceId, id).select("rules").executeTakeFirst()
  return row?.rules ?? null
}

/** Finds and locks a rule set for a change; no link begins to use it before this transaction ends. */
export async function lockRuleSet(trx: Trx, workspaceId: string, id: string): Promise<RuleSetRow> {
  await ownRuleSet(trx, workspaceId, id).forUpdate().execute()
  // A statement of its own, that counts the links of those who were waited for.
  return findRuleSet(trx, workspaceId, id)
}

/** The same, and the rule set cannot be deleted before this transaction ends. */
export async function holdRules(trx: Trx, workspaceId: string, id: string): Promise<Rule[] | null> {
  const row = await ownRuleSet(trx, workspaceId, id).select("rules").forKeyShare().executeTakeFirst()
  return row?.rules ?? null
}

const ownRuleSet = (db: Db, workspaceId: string, id: string) =>
  db.selectFrom("ruleSets").select("id").where("workspaceId", "=", workspaceId).where("id", "=", id)

export type RuleSetValues = { name: string; rules: Rule[] }

export async function createRuleSet(
  trx: Trx,
  workspaceId: string,
  { name, rules }: RuleSetValues,
): Promise<{ id: string; publication: Publication }> {
  const id = newId("rls")
  await trx
    .insertInto("ruleSets")
    .values({ id, workspaceId, name, rules: JSON.stringify(rules) })
    .execute()
  const claim = await claimKey(trx, { key: ruleSetKey(id), kind: "rule_set", subjectId: id, reuse: false })
  if (claim.kind !== "ok") throw new Error(`the new id ${id} was used before`)
  return { id, publication: claim.publication }
}

/** Changes a rule set that the caller locked: one publication, however many links use it. */
export async function updateRuleSet(
  trx: Trx,
  { id }: RuleSet,
  { name, rules }: RuleSetValues,
): Promise<Publication> {
  await trx
    .updateTable("ruleSets")
    .set((eb) => ({
      ...{ name, rules: JSON.stringify(rules) },
      version: eb("version", "+", 1),
      updatedAt: eb.fn<Date>("now", []),
    }))
    .where("id", "=", id)
    .execute()
  return touchKey(trx, ruleSetKey(id))
}

/** Deletes a rule set that the caller locked. Deleted links that used it let go of it. */
export async function deleteRuleSet(trx: Trx, { id, links }: RuleSetRow): Promise<Publication> {
  if (links > 0) throw new Problem(409, "rule_set_in_use", "Links use this rule set.")
  await trx.updateTable("links").set({ ruleSetId: null }).where("ruleSetId", "=", id).execute()
  await trx.deleteFrom("ruleSets").where("id", "=", id).execute()
  return buryKey(trx, ruleSetKey(id))
}
