import type pg from "pg"
import type { SealedBatch } from "../../ingest/sealed-batch.ts"
import { textArray } from "../arrays.ts"
import { FOR_EVER } from "../upkeep/erasures.ts"

/** What ingesting must know of a link. */
export type LinkFacts = {
  workspaceId: string
  timeZone: string
  domainId: string
  tagIds: string[]
  clicksErasedAtMs: number | null
}

type Row = {
  id: string
  workspace_id: string
  time_zone: string
  domain_id: string
  tag_ids: string[]
  clicks_erased_at: Date | null
}

/** Of the links of these visits, those that Postgres knows, deleted ones included, and those that were erased with their workspace. */
export async function linkFacts(
  client: pg.ClientBase,
  batches: SealedBatch[],
): Promise<Map<string, LinkFacts>> {
  const linkIds = new Set(batches.flatMap((batch) => batch.linkIds))
  const { rows } = await client.query<Row>({
    name: "link-facts",
    text: `
      select l.id, l.workspace_id, w.time_zone, l.domain_id,
        case when w.deleted_at is null then l.clicks_erased_at else $2 end as clicks_erased_at,
        array(select tag_id from link_tags t where t.link_id = l.id) as tag_ids
      from links l join workspaces w on w.id = l.workspace_id
      where l.id = any($1::text[])
      union all
      select link_id, '', 'UTC', '', $2, '{}' from erased_links where link_id = any($1::text[])`,
    values: [textArray([...linkIds]), FOR_EVER],
  })
  return new Map(
    rows.map((row) => [
      row.id,
      {
        workspaceId: row.workspace_id,
        timeZone: row.time_zone,
        domainId: row.domain_id,
        tagIds: row.tag_ids,
        clicksErasedAtMs: row.clicks_erased_at?.getTime() ?? null,
      },
    ]),
  )
}
