import { DAY_MS } from "../days.ts"
import type { Trx } from "../db/connect.ts"
import { Problem, type ProblemItem } from "../problem.ts"
import type { When } from "../repositories/stats/calendar.ts"
import type { CountsRow, Names } from "../repositories/stats/groups.ts"
import { readRollupState, readRollups } from "../repositories/stats/rollups.ts"
import { scopeIdsOf } from "../repositories/stats/scopes.ts"
import { countVisits, planForVisits, readVisitCounts } from "../repositories/stats/visits.ts"
import { addUp } from "./adding.ts"
import { familyFor, groupedScope } from "./families.ts"
import { daysOf, partsOf } from "./parts.ts"
import { inQuery, type Obstacles, type Question } from "./question.ts"

/** What single visits an answer may be worked out from. */
export type VisitLimits = { visitsMax: number; retentionDays: number }

export type Answer = { source: "rollups" | "visits"; rows: CountsRow[] }

/** Answers from counts where they can, else from single visits. The obstacles are what is in the way of both. */
export async function readCounts(
  trx: Trx,
  question: Question,
  when: When,
  names: Names,
  limits: VisitLimits,
): Promise<Answer | Obstacles> {
  const counted = await fromRollups(trx, question, when, names)
  if (!("obstacles" in counted)) return { source: "rollups", rows: counted }
  const read = await fromVisits(trx, question, when, names, limits)
  if (!("obstacles" in read)) return { source: "visits", rows: read }
  return { obstacles: [...counted.obstacles, ...read.obstacles] }
}

export function notAnswerable(errors: ProblemItem[]): Problem {
  const detail = "Counts do not answer this, and single visits cannot stand in for them: `errors` tells why."
  return new Problem(422, "not_answerable", detail, { errors })
}

async function fromRollups(
  trx: Trx,
  question: Question,
  { range, intervals }: When,
  names: Names,
): Promise<CountsRow[] | Obstacles> {
  const family = familyFor(question)
  if (typeof family === "object") return family
  const parts =
    family === "link" ? daysOf(question, range) : partsOf(question, range, await readRollupState(trx))
  if ("obstacles" in parts) return parts
  const { workspaceId, scopes, filters, groupBy, interval } = question
  const grouped = groupedScope(question)
  const scopeIds =
    grouped === null ? [scopes[0]?.id ?? workspaceId] : await scopeIdsOf(trx, workspaceId, grouped)
  const grouping = grouped === null ? (groupBy === "link" ? "value" : groupBy) : "scope"
  const rows = await readRollups(trx, { scopeIds, family, parts, intervals, interval })
  return addUp(rows, { family, filters, groupBy: grouping, names })
}

async function fromVisits(
  trx: Trx,
  question: Question,
  { range, intervals }: When,
  names: Names,
  { visitsMax, retentionDays }: VisitLimits,
): Promise<CountsRow[] | Obstacles> {
  const { groupBy, now } = question
  if (groupBy === "tag" || groupBy === "domain") {
    const detail = "single visits are not counted by tag and domain"
    return { obstacles: [inQuery("by", "not_of_visits", detail)] }
  }
  const since = new Date(now.getTime() - retentionDays * DAY_MS)
  if (range.from < since) {
    const detail = `single visits are kept for ${retentionDays} days: ask from ${since.toISOString()} on`
    return { obstacles: [inQuery("from", "visits_gone", detail)] }
  }
  await planForVisits(trx)
  const read = await countVisits(trx, { ...question, range }, visitsMax + 1)
  if (read > visitsMax) {
    const detail = `more than ${visitsMax} single visits would have to be read: ask for less time or one link`
    return { obstacles: [inQuery("from", "too_many_visits", detail)] }
  }
  return readVisitCounts(trx, { ...question, groupBy, range, intervals, names })
}
