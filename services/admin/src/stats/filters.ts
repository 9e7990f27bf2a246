import { OUTCOMES } from "@qiao/core/decide.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import { BROWSERS, DEVICES, OS } from "@qiao/core/visitor.ts"
import { z } from "zod"
import { DIMENSIONS, OTHER } from "../rollups.ts"

/** What visits can be filtered and grouped by. The last two are of single visits alone: no counts are kept of them. */
export const STATS_DIMENSIONS = [...DIMENSIONS, "city", "isp"] as const
export type StatsDimension = (typeof STATS_DIMENSIONS)[number]

/** Visits whose value of the dimension is one of these, or with `isNegated` none of them. */
export type Filter = { dimension: StatsDimension; values: string[]; isNegated: boolean }

const TEXT_LENGTH_MAX = 4_000
const VALUES_MAX = 100

/** Dimensions whose every value is known. */
const VALUES: Partial<Record<StatsDimension, readonly string[]>> = {
  platform: PLATFORMS,
  os: OS,
  device: DEVICES,
  browser: BROWSERS,
  decision: OUTCOMES,
}

/**
 * `a,b` means any of them, `-a,-b` none of them; nothing between commas is the empty value. A backslash takes the meaning of a comma, a
 * minus or a backslash after it away.
 */
const filterText = (dimension: StatsDimension) =>
  z
    .string()
    .max(TEXT_LENGTH_MAX)
    .transform((text, ctx): Filter => {
      const refuse = (code: string, message: string) => {
        ctx.addIssue({ code: "custom", message, params: { code } })
        return z.NEVER
      }
      const parts = partsOf(text)
      const isNegated = parts.every((part) => part.startsWith("-"))
      const values = parts.map((part) => (isNegated ? part.slice(1) : part).replace(/\\(.)/gs, "$1"))
      if (!isNegated && parts.some((part) => part.startsWith("-"))) {
        return refuse("mixed_filter", "must be values, or values that all have a - before them")
      }
      if (values.length > VALUES_MAX) return refuse("too_many_values", `must be at most ${VALUES_MAX} values`)
      const unknown = values.find((value) => !isPossible(dimension, value))
      if (unknown === undefined) return { dimension, values, isNegated }
      const known = VALUES[dimension]
      if (known === undefined) return refuse("bad_character", "must not contain a NUL or a lone surrogate")
      return refuse("unknown_value", `${JSON.stringify(unknown)} is none of ${known.join(", ")}, ${OTHER}`)
    })

function isPossible(dimension: StatsDimension, value: string): boolean {
  if (value === OTHER) return true
  return VALUES[dimension]?.includes(value) ?? (value.isWellFormed() && !value.includes("\0"))
}

/** Cut at the commas that no backslash precedes. */
function partsOf(text: string): string[] {
  const parts = [""]
  for (const [token] of text.matchAll(/\\.|./gs)) {
    if (token === ",") parts.push("")
    else parts.push(`${parts.pop()}${token}`)
  }
  return parts
}

const filter = (dimension: StatsDimension) =>
  filterText(dimension)
    .optional()
    .describe(
      "`a,b`: any of these. `-a,-b`: none of these. `\\,` is a comma in a value, `\\-` a minus before it",
    )

/** The query parameters that filter visits, one for each dimension. */
export const filterFields = {
  platform: filter("platform"),
  os: filter("os"),
  device: filter("device"),
  browser: filter("browser"),
  country: filter("country"),
  region: filter("region"),
  language: filter("language"),
  referrer: filter("referrer"),
  decision: filter("decision"),
  rule: filter("rule"),
  variant: filter("variant"),
  city: filter("city"),
  isp: filter("isp"),
} satisfies Record<StatsDimension, z.ZodType>

/** The filters among a query's parameters. */
export function filtersOf(query: { [D in StatsDimension]?: Filter | undefined }): Filter[] {
  return STATS_DIMENSIONS.flatMap((dimension) => query[dimension] ?? [])
}
