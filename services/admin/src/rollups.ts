import type { Outcome } from "@qiao/core/decide.ts"

/*
 * What is counted of visits, and how it lies in Postgres.
 *
 * A scope is a link, tag, domain or workspace, told by the prefix of its id. For each scope, visits are counted by families of dimensions:
 * a value has one word for each dimension of its family, in order, joined by SEPARATOR. A family answers any question about its own
 * dimensions, and each but the last alone has every visit: `total` in one value.
 *
 * `quarter_rollups` counts by the quarter of an hour; `day_rollups` by the day of the workspace's time zone: what only days are asked of,
 * and, once nothing can arrive any more, everything else; `month_rollups` has the days of months that are over. A row lists all values of a
 * scope, family and period, a line each, and their counts in the same order, between commas; a month's row has those of each of its days
 * besides. What is counted of the period later is another row, and they add up, also days and their month. `visit_quarters` and
 * `visit_days` show them value by value.
 */

/** 15 minutes: every time zone's days begin at a multiple of it. */
export const BUCKET_MS = 900_000

export const SEPARATOR = "\t"

/** Is in no value either: it parts them in a row. */
export const LINE_BREAK = "\n"

/** What is not told apart, in every dimension of a value. */
export const OTHER = "(other)"

/** Counted by the quarter of an hour. `synthetic` has the visits that are in no other family. */
export const FAMILIES = {
  total: [],
  client: ["platform", "os", "device", "browser"],
  place: ["country", "region"],
  language: ["language"],
  referrer: ["referrer"],
  decision: ["decision", "rule", "variant"],
  synthetic: ["decision"],
} as const satisfies Record<string, readonly string[]>

/**
 * Counted by the day alone. `link`: the ids of the links of a tag, domain or workspace. `visitors`: how many people came, in `visits`, for
 * links and workspaces. `guide`: values `shown` and `returned`, by the day on which the guide page was shown.
 */
export const DAY_FAMILIES = ["link", "visitors", "guide"] as const

export type Family = keyof typeof FAMILIES
export type DayFamily = (typeof DAY_FAMILIES)[number]

export const DIMENSIONS = [
  ...FAMILIES.client,
  ...FAMILIES.place,
  ...FAMILIES.language,
  ...FAMILIES.referrer,
  ...FAMILIES.decision,
] as const
export type Dimension = (typeof DIMENSIONS)[number]

/** A click is a human visit that ended in a redirect of the link's own. */
export function isClick(visit: { outcome: Outcome; automated: boolean }): boolean {
  return visit.outcome === "redirect" && !visit.automated
}
