import { sql } from "kysely"
import type { Test } from "tap"
import type { Db } from "../../src/db/connect.ts"

type Visit = {
  linkId: string
  /** As Postgres writes them. */
  bucket: string
  day: string
  outcome: string
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
  visitor: string | null
  /** Of the link, its tags, its domain and its workspace. */
  scopes: string[]
  /** Of the link and its workspace. */
  visitorScopes: string[]
}

type Counted = Record<string, string>

/** Counts all visits anew, one by one, and asserts that Postgres has just these counts: each family, scope, value, quarter and day. */
export async function expectRecount(t: Test, db: Db): Promise<void> {
  const { rows: visits } = await sql<Visit>`
    select v.link_id, date_bin('15 minutes', at, '2000-01-01Z')::text as bucket,
      (at at time zone coalesce(w.time_zone, 'UTC'))::date::text as day, outcome, automated, synthetic, platform, os, device,
      browser, v.language, v.referrer, rule, variant, country, region, visitor::text,
      array_remove(array[v.link_id, w.id, l.domain_id] || array(select tag_id from link_tags g where g.link_id = l.id), null)
        as scopes,
      array_remove(array[v.link_id, w.id], null) as visitor_scopes
    from visits v left join links l on l.id = v.link_id left join workspaces w on w.id = l.workspace_id`.execute(
    db,
  )
  t.same(await countsIn(db, "visit_quarters", "bucket"), quarterCounts(visits), "quarters")
  t.same(
    await countsIn(db, "visit_days", "day", ["link", "visitors"]),
    { ...linkCounts(visits), ...visitorCounts(visits) },
    "days",
  )
  t.same(await totalsIn(db), totalsOf(visits), "totals")
}

async function countsIn(db: Db, table: string, period: string, families: string[] | null = null) {
  const { rows } = await sql<{ key: string; counts: string }>`
    select concat_ws('|', scope_id, family, ${sql.ref(period)}::text, value) as key,
      concat_ws(' ', sum(visits), sum(automated), sum(clicks)) as counts
    from ${sql.table(table)} where ${families}::text[] is null or family = any(${families}) group by 1`.execute(
    db,
  )
  return Object.fromEntries(rows.map(({ key, counts }) => [key, counts]))
}

async function totalsIn(db: Db): Promise<Counted> {
  const { rows } = await sql<{ key: string; counts: string }>`
    select link_id as key, concat_ws(' ', visits, automated, clicks, synthetic) as counts from link_totals`.execute(
    db,
  )
  return Object.fromEntries(rows.map(({ key, counts }) => [key, counts]))
}

const isClick = ({ outcome, automated }: Visit) => outcome === "redirect" && !automated

function quarterCounts(visits: Visit[]): Counted {
  return countBy(visits, (visit) => {
    const { platform, os, device, browser, country, region, outcome, rule, variant } = visit
    const values = visit.synthetic
      ? { synthetic: outcome }
      : {
          total: "",
          client: [platform, os, device, browser].join("\t"),
          place: [country, region].join("\t"),
          language: visit.language,
          referrer: visit.referrer,
          decision: [outcome, rule, variant].join("\t"),
        }
    return visit.scopes.flatMap((scope) =>
      Object.entries(values).map(([family, value]) => [scope, family, visit.bucket, value].join("|")),
    )
  })
}

function linkCounts(visits: Visit[]): Counted {
  return countBy(visits, ({ synthetic, scopes, linkId, day }) =>
    synthetic ? [] : scopes.slice(1).map((scope) => [scope, "link", day, linkId].join("|")),
  )
}

function visitorCounts(visits: Visit[]): Counted {
  const sets = new Map<string, Set<string>>()
  for (const { visitor, automated, synthetic, visitorScopes, day } of visits) {
    if (visitor === null || automated || synthetic) continue
    for (const scope of visitorScopes) {
      const key = [scope, "visitors", day, ""].join("|")
      sets.set(key, (sets.get(key) ?? new Set()).add(visitor))
    }
  }
  return Object.fromEntries([...sets].map(([key, set]) => [key, `${set.size} 0 0`]))
}

function totalsOf(visits: Visit[]): Counted {
  const ordinary = countBy(visits, ({ synthetic, linkId }) => (synthetic ? [] : [linkId]))
  return Object.fromEntries(
    [...new Set(visits.map(({ linkId }) => linkId))].map((linkId) => {
      const synthetic = visits.filter((visit) => visit.synthetic && visit.linkId === linkId).length
      return [linkId, `${ordinary[linkId] ?? "0 0 0"} ${synthetic}`]
    }),
  )
}

function countBy(visits: Visit[], keysOf: (visit: Visit) => string[]): Counted {
  const counts = new Map<string, [visits: number, automated: number, clicks: number]>()
  for (const visit of visits) {
    for (const key of keysOf(visit)) {
      const known = counts.get(key) ?? [0, 0, 0]
      counts.set(key, [
        known[0] + 1,
        known[1] + (visit.automated ? 1 : 0),
        known[2] + (isClick(visit) ? 1 : 0),
      ])
    }
  }
  return Object.fromEntries([...counts].map(([key, count]) => [key, count.join(" ")]))
}
