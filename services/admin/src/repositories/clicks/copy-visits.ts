import { pipeline } from "node:stream/promises"
import type pg from "pg"
import { from as copyFrom } from "pg-copy-streams"
import type { VisitRow } from "../../ingest/visit-rows.ts"

/** In the order in which `copyLine` has them. */
const COLUMNS = [
  ...["at", "link_id", "workspace_id", "platform", "os", "device", "browser", "language", "referrer"],
  ...["outcome", "rule", "variant", "country", "region", "city", "isp", "visitor", "automated", "synthetic"],
]

/** Rows come in chunks, which are asked for as the ones before are sent. */
export async function copyVisits(client: pg.ClientBase, chunks: Iterable<VisitRow[]>): Promise<void> {
  const copy = client.query(copyFrom(`copy visits (${COLUMNS.join()}) from stdin`))
  await pipeline(linesOf(chunks), copy)
}

export function* linesOf(chunks: Iterable<VisitRow[]>): Generator<string> {
  const timeOf = createTimes()
  for (const rows of chunks) {
    let lines = ""
    for (const row of rows) lines += copyLine(row, timeOf(row.atMs))
    if (lines !== "") yield lines
  }
}

function copyLine({ visit, quarter, visitor, words }: VisitRow, at: string): string {
  const { client, place, language, referrer, decision } = words
  const said = `${client.columns}\t${language.columns}\t${referrer.columns}\t${decision.columns}\t${place.columns}`
  const marks = `${visit.automated ? "t" : "f"}\t${visit.synthetic ? "t" : "f"}`
  return `${at}\t${quarter.columns}\t${said}\t${visitor ?? "\\N"}\t${marks}\n`
}

/** RFC 3339. Visits come by their time, so that most have the second of the one before. */
function createTimes(): (atMs: number) => string {
  let secondMs = Number.NaN
  let second = ""
  return (atMs) => {
    const milliseconds = atMs % 1_000
    if (atMs - milliseconds !== secondMs) {
      secondMs = atMs - milliseconds
      second = new Date(secondMs).toISOString().slice(0, -4)
    }
    return `${second}${String(milliseconds).padStart(3, "0")}Z`
  }
}
