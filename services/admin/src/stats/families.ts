import type { ProblemItem } from "../problem.ts"
import { type DayFamily, FAMILIES, type Family } from "../rollups.ts"
import { inQuery, type Obstacles, type Question } from "./question.ts"

/** Of those that have every visit, what has the fewest values comes first. */
const FAMILY_ORDER: Family[] = ["total", "language", "decision", "referrer", "place", "client"]

/** The family of counts that answers the question. */
export function familyFor(question: Question): Family | DayFamily | Obstacles {
  const { groupBy, isSynthetic } = question
  const obstacles = mixedScopes(question)
  const asked = dimensionsOf(question)
  const families: Family[] = isSynthetic ? ["synthetic"] : FAMILY_ORDER
  const has = (family: Family, dimension: string) =>
    (FAMILIES[family] as readonly string[]).includes(dimension)
  const family =
    groupBy === "link" && asked.length === 1 && !isSynthetic
      ? "link"
      : families.find((family) => asked.every((dimension) => has(family, dimension)))
  if (family === undefined) obstacles.push(...mixedDimensions(question))
  return family === undefined || obstacles.length > 0 ? { obstacles } : family
}

/** Tags and domains have counts of their own: grouping by them tells no visits of one scope apart. */
export const groupedScope = ({ groupBy }: Question): "tag" | "domain" | null =>
  groupBy === "tag" || groupBy === "domain" ? groupBy : null

function dimensionsOf(question: Question): string[] {
  const { filters, groupBy } = question
  const filtered: string[] = filters.map(({ dimension }) => dimension)
  return groupBy === null || groupedScope(question) !== null ? filtered : [groupBy, ...filtered]
}

function mixedScopes(question: Question): ProblemItem[] {
  const { scopes, groupBy } = question
  const kinds: string[] = scopes.map(({ kind }) => kind)
  if (groupedScope(question) !== null || (groupBy === "link" && kinds.includes("link"))) kinds.push("by")
  if (kinds.length < 2) return []
  const detail = "counts are kept of a link, a tag and a domain, not of what they have in common"
  return kinds.map((parameter) => inQuery(parameter, "not_counted_together", detail))
}

const TOGETHER = Object.entries(FAMILIES)
  .filter(([family]) => family !== "total" && family !== "synthetic")
  .map(([, dimensions]) => dimensions.join(", "))
  .join("; ")

function mixedDimensions(question: Question): ProblemItem[] {
  const { filters, isSynthetic, interval, groupBy } = question
  const kept = isSynthetic
    ? "of synthetic visits counts are kept by decision alone"
    : `counts are kept of ${TOGETHER}: each of these groups by itself`
  const detailOf = (dimension: string) =>
    dimension === "city" || dimension === "isp" ? `no counts are kept of ${dimension}` : kept
  const code = "not_counted_together"
  const items = filters.map(({ dimension }) => inQuery(dimension, code, detailOf(dimension)))
  if (groupBy !== null && groupedScope(question) === null)
    items.unshift(inQuery(interval === null ? "by" : "groupBy", code, detailOf(groupBy)))
  return items
}
