import { linkKey } from "@qiao/core/keys.ts"
import { sql } from "kysely"
import { newId } from "../../src/ids.ts"
import { type Admin, HOST } from "./admin.ts"

export type Seeded = { ids: string[]; keys: string[]; codes: string[] }

let batches = 0

/** Many plain links at once, all due to be published. */
export async function seedLinks(
  { db, workspaceId }: Pick<Admin, "db" | "workspaceId">,
  count: number,
  { host = HOST, url = "https://shop.example.com/seeded" } = {},
): Promise<Seeded> {
  const batch = batches++
  const codes = Array.from({ length: count }, (_, i) => `seed-${batch}-${i}`)
  const ids = codes.map(() => newId("lnk"))
  const keys = codes.map((code) => linkKey(host, code))
  await sql`
    with added as (
      insert into links (id, workspace_id, domain_id, code, url, redirect_status, enabled, forward_query,
        forward_path, guide_platforms)
      select id, ${workspaceId}, (select id from domains where host = ${host}), code, ${url}, 302, true, true, false, '{}'
      from unnest(${ids}::text[], ${codes}::text[]) as t (id, code)
    )
    insert into publications (key, kind, subject_id)
    select key, 'link', id from unnest(${keys}::text[], ${ids}::text[]) as t (key, id)`.execute(db)
  return { ids, keys, codes }
}
