import { pipeline } from "node:stream/promises"
import type pg from "pg"
import { from as copyFrom } from "pg-copy-streams"
import type { VisitRow } from "../visit-rows.ts"

const COLUMNS = [
  ...[
    "at",
    "link_id",
    "workspace_id",
    "outcome",
    "automated",
    "synthetic",
    "platform",
    "os",
    "device",
    "browser",
  ],
  ...["language", "referrer", "rule", "variant", "country", "region", "city", "isp", "visitor"],
]

const ROWS_PER_CHUNK = 1_000

export async function copyVisits(client: pg.ClientBase, rows: VisitRow[]): Promise<void> {
  if (rows.length === 0) return
  const copy = client.query(copyFrom(`copy visits (${COLUMNS.join()}) from stdin`))
  await pipeline(chunksOf(rows), copy)
}

export function* chunksOf(rows: VisitRow[]): Generator<string> {
  for (let from = 0; from < rows.length; from += ROWS_PER_CHUNK) {
    let chunk = ""
    for (const row of rows.slice(from, from + ROWS_PER_CHUNK)) chunk += copyLine(row)
    yield chunk
  }
}

function copyLine({ visit, atMs, quarter, place, visitor }: VisitRow): string {
  const { linkId, outcome, automated, synthetic, language, referrer, rule, variant } = visit
  const { platform, os, device, browser } = visit.visitor
  const { country, region, city, isp } = place
  const known = `${new Date(atMs).toISOString()}\t${escaped(linkId)}\t${quarter.link?.workspaceId ?? "\\N"}\t${outcome}`
  const marks = `${automated ? "t" : "f"}\t${synthetic ? "t" : "f"}`
  const client = `${escaped(platform)}\t${escaped(os)}\t${escaped(device)}\t${escaped(browser)}`
  const told = `${escaped(language)}\t${escaped(referrer)}\t${escaped(rule)}\t${escaped(variant)}`
  const found = `${country}\t${region}\t${escaped(city)}\t${escaped(isp)}\t${visitor ?? "\\N"}`
  return `${known}\t${marks}\t${client}\t${told}\t${found}\n`
}

/** What COPY's text format gives a meaning to. */
function escaped(value: string): string {
  return SPECIAL.test(value) ? value.replaceAll(/[\\\t\n\r]/g, (char) => ESCAPES[char] ?? char) : value
}

const SPECIAL = /[\\\t\n\r]/
const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" }
