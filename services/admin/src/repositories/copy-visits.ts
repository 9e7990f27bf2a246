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

/** Rows come in chunks, which are asked for as the ones before are sent. */
export async function copyVisits(client: pg.ClientBase, chunks: Iterable<VisitRow[]>): Promise<void> {
  const copy = client.query(copyFrom(`copy visits (${COLUMNS.join()}) from stdin`))
  await pipeline(linesOf(chunks), copy)
}

export function* linesOf(chunks: Iterable<VisitRow[]>): Generator<string> {
  for (const rows of chunks) {
    let lines = ""
    for (const row of rows) lines += copyLine(row)
    if (lines !== "") yield lines
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
