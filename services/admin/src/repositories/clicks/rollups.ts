import { pipeline } from "node:stream/promises"
import type pg from "pg"
import { from as copyFrom } from "pg-copy-streams"
import type { Group, Tally } from "../../ingest/tally.ts"
import { LINE_BREAK } from "../../rollups.ts"
import { copyText } from "./copy-text.ts"

/** Adds rows to quarter_rollups; what is counted of the same quarter already stays as it is. */
export async function addQuarters(client: pg.ClientBase, tally: Tally): Promise<void> {
  await copyGroups(client, "quarter_rollups", "bucket", tally)
}

export async function addDays(client: pg.ClientBase, tally: Tally): Promise<void> {
  await copyGroups(client, "day_rollups", "day", tally)
}

async function copyGroups(client: pg.ClientBase, table: string, period: string, tally: Tally): Promise<void> {
  if (tally.size === 0) return
  const columns = `scope_id, family, ${period}, value, visits, automated, clicks`
  await pipeline(linesOf(tally), client.query(copyFrom(`copy ${table} (${columns}) from stdin`)))
}

const CHUNK_LINES = 1_000

function* linesOf(tally: Tally): Generator<string> {
  let lines = ""
  let count = 0
  for (const group of tally.values()) {
    if (group.values.size === 0) continue
    lines += lineOf(group)
    if (++count % CHUNK_LINES > 0) continue
    yield lines
    lines = ""
  }
  if (lines !== "") yield lines
}

function lineOf({ scopeId, family, period, values }: Group): string {
  const counts = [...values.values()]
  const columns = [
    ...[scopeId, family, period, [...values.keys()].join(LINE_BREAK)],
    counts.map(({ visits }) => visits).join(),
    counts.map(({ automated }) => automated).join(),
    counts.map(({ clicks }) => clicks).join(),
  ]
  return `${columns.map(copyText).join("\t")}\n`
}
