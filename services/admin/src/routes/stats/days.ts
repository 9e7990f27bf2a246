import { time, timeZone } from "@qiao/core/fields.ts"
import type { FastifyInstance } from "fastify"
import { z } from "zod"
import { invalid } from "../../problem.ts"
import { readWhen, type When } from "../../repositories/stats/calendar.ts"
import type { Scope } from "../../repositories/stats/scopes.ts"
import { inQuery } from "../../stats/question.ts"
import { type RangeQuery, readAsked, type ScopeQuery } from "./query.ts"
import { isoRange } from "./schemas.ts"

/** When, for what is counted by the day alone. */
export const dayFields = {
  from: time.optional().describe("The day it lies in is the first. Default: 30 days before the last"),
  to: time
    .optional()
    .describe("Exclusive: the day before which it lies, or in which, is the last. Default: now"),
  timezone: timeZone.optional().describe("The workspace's: days are counted by no other"),
}

export const dayRangeAnswer = {
  from: z.string().describe("The beginning of the first day"),
  to: z.string().describe("The end of the last day"),
  timezone: z.string().describe("The workspace's"),
}

type DaysAsked = {
  workspaceId: string
  scope: Scope
  /** The intervals are the days. */
  when: When
  answer: { from: string; to: string; timezone: string }
}

/** A question about whole days of the workspace's time zone. Throws 422 for another zone and for more than one scope. */
export async function readDaysAsked(
  app: FastifyInstance,
  workspaceId: string,
  query: RangeQuery & ScopeQuery,
): Promise<DaysAsked> {
  const asked = await readAsked(app, workspaceId, query, { interval: "day", parameter: "from" })
  const { scopes, timeZone, workspaceTimeZone } = asked
  const problems = []
  if (timeZone !== workspaceTimeZone) {
    const detail = `must be the workspace's, ${workspaceTimeZone}, or be left out: days are counted by no other`
    problems.push(inQuery("timezone", "not_the_workspaces", detail))
  }
  if (scopes.length > 1) {
    const detail =
      "must be the only one of link, tag and domain: no counts are kept of what they have in common"
    problems.push(...scopes.map(({ kind }) => inQuery(kind, "not_counted_together", detail)))
  }
  if (problems.length > 0) throw invalid(problems)
  const when = await readWhen(app.db, { ...asked, isWholeDays: true, interval: "day" })
  const scope = scopes[0] ?? { kind: "workspace" as const, id: workspaceId }
  return {
    workspaceId,
    scope,
    when,
    answer: { ...isoRange(when.range), timezone: timeZone },
  }
}
