import { migrate, setUp } from "../../scripts/lib/setup.ts"
import { withClient } from "./database.ts"

const LINKS = 10_000
const TAGS = 50

/** A workspace with two domains, and 10,000 links with two tags each. Gives the links' ids, the most visited first. */
export async function makeWorkspace(databaseUrl: string, redisUrl: string): Promise<string[]> {
  const env = { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }
  await migrate(env)
  await setUp(env, "http://localhost")
  return withClient(databaseUrl, async (client) => {
    await client.query(`
      insert into domains (id, workspace_id, host, origin)
        select 'dom_second', workspace_id, 'second.example', 'https://second.example' from domains`)
    await client.query(`
      insert into tags (id, workspace_id, name)
        select 'tag_' || n, w.id, 'tag ' || n from workspaces w, generate_series(1, ${TAGS}) n`)
    // In no order, as ids of visited links are in none.
    const { rows } = await client.query<{ id: string }>(`
      insert into links (id, workspace_id, domain_id, code, url, redirect_status, enabled, forward_query, forward_path,
        guide_platforms)
      select 'lnk_' || md5(n::text), d.workspace_id, d.id, 'code' || n, 'https://shop.example.com/', 302, true, true, false,
        '{wechat}'
      from generate_series(1, ${LINKS}) n
        join (select row_number() over (order by id) as place, * from domains) d on d.place = n % 2 + 1
      returning id`)
    await client.query(`
      insert into link_tags (link_id, tag_id)
      select distinct id, 'tag_' || t.n from links, lateral (values (1 + abs(hashtext(id)) % 5), (1 + abs(hashtext(id)) % ${TAGS})) t (n)`)
    await client.query("vacuum analyze links, link_tags, domains, workspaces")
    return rows.map(({ id }) => id)
  })
}
