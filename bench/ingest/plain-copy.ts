import { pipeline } from "node:stream/promises"
import type pg from "pg"
import { from as copyFrom, to as copyTo } from "pg-copy-streams"
import { withClient } from "./database.ts"

const PIECE_BYTES = 250_000
const COLUMNS =
  "at, link_id, workspace_id, outcome, automated, synthetic, platform, os, device, browser, language, referrer, rule, variant, country, region, city, isp, visitor"

/** Rows that were stored, as COPY reads them, in parts of about equal size and pieces as large as ingest sends. */
export async function readRows(databaseUrl: string, parts: number): Promise<Buffer[][]> {
  const chunks: Buffer[] = []
  await withClient(databaseUrl, async (client) => {
    const rows = client.query(copyTo(`copy (select ${COLUMNS} from visits) to stdout`))
    for await (const chunk of rows) chunks.push(chunk as Buffer)
  })
  const all = Buffer.concat(chunks)
  const cut: Buffer[][] = Array.from({ length: parts }, () => [])
  for (let from = 0, count = 0; from < all.length; count++) {
    const to = all.indexOf("\n", Math.min(from + PIECE_BYTES, all.length - 1)) + 1
    cut[count % parts]?.push(all.subarray(from, to))
    from = to
  }
  return cut
}

/** Copies rows into a table like that of visits, over as many connections as there are parts; gives the milliseconds. */
export async function copyRows(databaseUrl: string, parts: Buffer[][]): Promise<number> {
  return withClient(databaseUrl, async (owner) => {
    await owner.query("create table plain_visits (like visits including all) partition by range (at)")
    await owner.query("create table plain_visits_all partition of plain_visits default")
    try {
      const start = performance.now()
      await Promise.all(parts.map((pieces) => withClient(databaseUrl, (client) => copy(client, pieces))))
      return performance.now() - start
    } finally {
      await owner.query("drop table plain_visits")
    }
  })
}

async function copy(client: pg.Client, pieces: Buffer[]): Promise<void> {
  await pipeline(pieces, client.query(copyFrom(`copy plain_visits (${COLUMNS}) from stdin`)))
}
