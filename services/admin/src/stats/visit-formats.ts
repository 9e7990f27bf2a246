import { OUTCOMES } from "@qiao/core/decide.ts"
import { stringify } from "csv-stringify/sync"
import { z } from "zod"
import { shortUrlOf } from "../links/link-answer.ts"
import type { RawVisit } from "../repositories/clicks/raw-visits.ts"

export const visitSchema = z
  .object({
    id: z.string(),
    at: z.string(),
    link: z.string().describe("A link's id"),
    shortUrl: z.string().nullable().describe("Null for a link that is not known (any more)"),
    decision: z.enum(OUTCOMES).describe("What the edge did"),
    automated: z.boolean().describe("By a crawler or fetcher"),
    synthetic: z.boolean().describe("By a load test or a monitor"),
    platform: z.string(),
    os: z.string(),
    device: z.string(),
    browser: z.string(),
    language: z.string(),
    referrer: z.string().describe("A host"),
    country: z.string(),
    region: z.string(),
    city: z.string(),
    isp: z.string(),
    rule: z.string().describe("The one that decided"),
    variant: z.string().describe("The side of its split"),
    visitor: z
      .string()
      .nullable()
      .describe("The same for the same visitor within a day of the workspace, and never again"),
  })
  .meta({ id: "Visit" })

export type VisitAnswer = z.output<typeof visitSchema>

export function toVisit({ id, at, linkId, outcome, link, ...rest }: RawVisit): VisitAnswer {
  const shortUrl = link === null ? null : shortUrlOf(link.origin, link.code)
  return { id: String(id), at: at.toISOString(), link: linkId, shortUrl, decision: outcome, ...rest }
}

export const VISIT_FORMATS = ["ndjson", "csv"] as const
export type VisitFormat = (typeof VISIT_FORMATS)[number]

export const MEDIA_TYPES: Record<VisitFormat, string> = {
  ndjson: "application/x-ndjson; charset=utf-8",
  csv: "text/csv; charset=utf-8; header=present",
}

const COLUMNS = Object.keys(visitSchema.shape)

/**
 * Lines of a format; the first of them are headed as it wants. Spreadsheets take a cell that begins with = + - @, a tab or a return for a
 * formula: in CSV it gets a ' before it, by which they show the rest as text.
 */
export function formatVisits(
  visits: VisitAnswer[],
  format: VisitFormat,
  { isFirst, hasMark }: { isFirst: boolean; hasMark: boolean },
): string {
  switch (format) {
    case "ndjson":
      return visits.map((visit) => `${JSON.stringify(visit)}\n`).join("")
    case "csv":
      return stringify(visits, {
        columns: COLUMNS,
        header: isFirst,
        bom: isFirst && hasMark,
        record_delimiter: "windows",
        escape_formulas: true,
        // Any line break, not only the one that ends a record.
        quoted_match: /[\r\n]/,
        cast: { boolean: String },
      })
    default:
      return format satisfies never
  }
}
