import { type RawBuilder, sql } from "kysely"
import type { Db } from "../../src/db/connect.ts"
import { LISTS } from "../../src/repositories/clicks/rollup-lists.ts"
import { OTHER } from "../../src/rollups.ts"

/** A visit as Postgres has it; `at` is RFC 3339. */
export type StoredVisit = {
  at: string
  linkId: string
  workspaceId: string
  outcome: "redirect" | "guide" | "denied"
  automated: boolean
  synthetic: boolean
  platform: string
  os: string
  device: string
  browser: string
  language: string
  referrer: string
  rule: string
  variant: string
  country: string
  region: string
  city: string
  isp: string
}

export const PLAIN: Omit<StoredVisit, "at" | "linkId" | "workspaceId"> = {
  ...{ outcome: "redirect", automated: false, synthetic: false, language: "zh-CN", referrer: "" },
  ...{ platform: "wechat", os: "android", device: "phone", browser: "chrome", rule: "", variant: "" },
  ...{ country: "CN", region: "Shanghai", city: "Shanghai", isp: "" },
}

/** Room for visits of all times. */
export async function makeRoom(db: Db): Promise<void> {
  for (const table of ["visits", "quarter_rollups"]) {
    await sql`
      create table ${sql.table(`${table}_any`)} partition of ${sql.table(table)}
      default`.execute(db)
  }
}

/** Stores visits and counts everything anew, by quarters and, for links, days, as SQL says it in one sentence. */
export async function storeVisits(db: Db, visits: StoredVisit[]): Promise<void> {
  for (let at = 0; at < visits.length; at += 1_000) {
    const rows = visits.slice(at, at + 1_000).map((visit) => ({ ...visit, at: new Date(visit.at) }))
    await db.insertInto("visits").values(rows).execute()
  }
  await sql`delete from quarter_rollups`.execute(db)
  await sql`
    insert into quarter_rollups (scope_id, family, bucket, value, visits, automated, clicks)
    select scope_id, family, date_bin('15 minutes', at, '2000-01-01Z'), family_value, ${COUNTS}
    from ${SCOPED} cross join lateral (values
      ('client', concat_ws(E'\t', platform, os, device, browser)), ('place', concat_ws(E'\t', country, region)),
      ('total', ''), ('language', language), ('referrer', referrer), ('decision', concat_ws(E'\t', outcome, rule, variant)),
      ('synthetic', outcome)
    ) as families (family, family_value)
    where synthetic = (family = 'synthetic')
    group by 1, 2, 3, family_value`.execute(db)
  await sql`delete from day_rollups where family = 'link'`.execute(db)
  await sql`
    insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
    select scope_id, 'link', (at at time zone w.time_zone)::date, link_id, ${COUNTS}
    from ${SCOPED} join workspaces w on w.id = workspace_id
    where scope_id <> link_id and not synthetic
    group by 1, 3, link_id`.execute(db)
}

const COUNTS = sql`
  count(*), count(*) filter (where automated), count(*) filter (where outcome = 'redirect' and not automated)`

const SCOPED = sql`(
  select v.*, scope_id from visits v join links l on l.id = v.link_id
  cross join lateral (
    values (v.link_id), (v.workspace_id), (l.domain_id)
    union all select tag_id from link_tags where link_id = v.link_id
  ) as scopes (scope_id)
) as scoped`

type Fold = {
  workspaceId: string
  daysUntil: string
  quartersSince: string
  /** Of each day and family these many keep their name; all of them unless told. */
  valuesMax?: number
}

/** Adds the workspace's quarters before `daysUntil` to days, and drops those before `quartersSince`. */
export async function fold(db: Db, { workspaceId, daysUntil, quartersSince, valuesMax }: Fold) {
  const named: RawBuilder<unknown> =
    valuesMax === undefined ? sql`value` : sql`case when place <= ${valuesMax} then value else ${OTHER} end`
  await sql`
    insert into day_rollups (scope_id, family, day, value, visits, automated, clicks)
    select scope_id, family, day, ${sql.raw(LISTS)} from (
      select scope_id, family, day, ${named} as value, visits, automated, clicks from (
        select *, rank() over (partition by scope_id, family, day order by visits desc, value) as place from (
          select scope_id, family, (bucket at time zone w.time_zone)::date as day, value,
            sum(visits) as visits, sum(automated) as automated, sum(clicks) as clicks
          from visit_quarters, workspaces w
          where w.id = ${workspaceId} and bucket < ${daysUntil} and bucket >= (select days_until from rollup_state)
          group by 1, 2, 3, 4
        ) as folded
      ) as ranked
    ) as named
    group by 1, 2, 3`.execute(db)
  await sql`delete from quarter_rollups where bucket < ${quartersSince}`.execute(db)
  await sql`update rollup_state set days_until = ${daysUntil}, quarters_since = ${quartersSince}`.execute(db)
}

/** Every day count but those that are kept by the day alone is gone, and nothing counts as folded. */
export async function unfold(db: Db): Promise<void> {
  for (const table of ["day_rollups", "month_rollups"])
    await sql`delete from ${sql.table(table)} where family not in ('link', 'visitors', 'guide')`.execute(db)
  await sql`update rollup_state set days_until = '2000-01-01Z', quarters_since = '2000-01-01Z'`.execute(db)
}
