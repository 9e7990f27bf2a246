import type { ProblemItem } from "../problem.ts"
import type { Interval } from "../repositories/stats/calendar.ts"
import type { Scope } from "../repositories/stats/scopes.ts"
import type { Filter, StatsDimension } from "./filters.ts"

/** What is asked, apart from when. Without an interval the range is one. */
export type Question = {
  workspaceId: string
  /** By the days of this time zone visits are counted. */
  workspaceTimeZone: string
  /** What all visits meant have in common; none is the workspace. */
  scopes: Scope[]
  filters: Filter[]
  groupBy: StatsDimension | "link" | "tag" | "domain" | null
  isSynthetic: boolean
  interval: Interval | null
  timeZone: string
  now: Date
}

/** Why counts cannot answer: a problem for each parameter that is in the way. */
export type Obstacles = { obstacles: ProblemItem[] }

export function inQuery(parameter: string, code: string, detail: string): ProblemItem {
  return { in: "query", pointer: `/${parameter}`, code, detail }
}
