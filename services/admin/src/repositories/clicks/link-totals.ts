import type pg from "pg"
import type { LinkCounts } from "../../ingest/counting.ts"
import { numberArray, textArray } from "../arrays.ts"

/** `links` are in the order of their ids. */
export async function addTotals(client: pg.ClientBase, links: LinkCounts[]): Promise<void> {
  await client.query({
    name: "add-totals",
    text: `
      insert into link_totals as t (link_id, visits, automated, clicks, synthetic)
      select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
      on conflict (link_id) do update set
        visits = t.visits + excluded.visits, automated = t.automated + excluded.automated,
        clicks = t.clicks + excluded.clicks, synthetic = t.synthetic + excluded.synthetic`,
    values: [
      textArray(links.map(({ linkId }) => linkId)),
      numberArray(links.map(({ visits }) => visits)),
      numberArray(links.map(({ automated }) => automated)),
      numberArray(links.map(({ clicks }) => clicks)),
      numberArray(links.map(({ synthetic }) => synthetic)),
    ],
  })
}
