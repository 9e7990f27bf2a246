import { type Kysely, sql } from "kysely"

/** What visits before 004 did not say is unknown: places, and who came. */
export async function recount(db: Kysely<unknown>): Promise<void> {
  await makePartitions(db)
  await sql`
    with scopes as (${SCOPES}), counted as (
      select link_id, workspace_id, date_bin('15 minutes', at, '2000-01-01Z') as bucket, family, value, ${COUNTS}
      from visits, lateral (values
        ('total', ''),
        ('client', concat_ws(E'\t', platform, os, device, browser)),
        ('place', E'\t'),
        ('language', language),
        ('referrer', referrer),
        ('decision', concat_ws(E'\t', outcome, translate(rule, E'\t\n', '  '), translate(variant, E'\t\n', '  ')))
      ) as f (family, value)
      group by 1, 2, 3, 4, 5
    )
    insert into quarter_rollups (scope_id, family, bucket, value, visits, automated, clicks)
    select scope_id, family, bucket, ${LISTS}
    from (
      select scope_id, family, bucket, value, ${SUMS}
      from (
        select link_id as scope_id, counted.* from counted
        union all
        select scope_id, counted.* from counted join scopes using (link_id) where workspace_id is not null
      ) scoped
      group by 1, 2, 3, 4
    ) summed
    group by 1, 2, 3`.execute(db)
  await sql`
    with scopes as (${SCOPES}), counted as (
      select link_id, workspace_id, (at at time zone w.time_zone)::date as day, ${COUNTS}
      from visits join workspaces w on w.id = workspace_id
      group by 1, 2, 3
    )
    insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
    select scope_id, 'link', day, ${LISTS}
    from (select *, link_id as value from counted) as of_links join scopes using (link_id)
    group by 1, 3`.execute(db)
  await sql`
    with scopes as (${SCOPES} union all select id, id from links), counted as (
      select link_id, (shown_at at time zone w.time_zone)::date as day,
        count(*) as shown, count(returned_at) as returned
      from guide_tokens g join links l on l.id = g.link_id join workspaces w on w.id = l.workspace_id
      where shown_at is not null
      group by 1, 2
    )
    insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
    select scope_id, 'guide', day, ${LISTS}
    from (
      select scope_id, day, value, sum(visits) as visits, 0 as automated, 0 as clicks
      from counted join scopes using (link_id), lateral (values ('shown', shown), ('returned', returned)) as v (value, visits)
      where visits > 0
      group by 1, 2, 3
    ) summed
    group by 1, 3`.execute(db)
}

/** Where the visits of links that are known count besides the link. */
const SCOPES = sql`
  select link_id, scope_id from (
    select id as link_id, workspace_id as scope_id from links
    union all select id, domain_id from links
    union all select link_id, tag_id from link_tags
  ) wider`

const COUNTS = sql`
  count(*) as visits, count(*) filter (where automated) as automated,
  count(*) filter (where outcome = 'redirect' and not automated) as clicks`

const SUMS = sql`sum(visits) as visits, sum(automated) as automated, sum(clicks) as clicks`

const LISTS = sql`string_agg(value, E'\\n'), string_agg(visits::text, ','), string_agg(automated::text, ','), string_agg(clicks::text, ',')`

async function makePartitions(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ day: string }>`
    select distinct to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day from visits`.execute(db)
  for (const { day } of rows) {
    const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)
    await sql`
      create table ${sql.id(`quarter_rollups_${day.replaceAll("-", "")}`)} partition of quarter_rollups
      for values from (${sql.lit(`${day} 00:00Z`)}) to (${sql.lit(`${next} 00:00Z`)})`.execute(db)
  }
}
