import type pg from "pg"

/*
 * A year of counts straight into the tables, as ingest and folding would have left them: days up to five days ago, which upkeep still folds
 * into months, and quarters of an hour for the last eight. How many values a day or a quarter has follows from how many visits it has: value i has its share of them, as long
 * as that is half a visit at least.
 */
export const DAYS = 365
const UNFOLDED_DAYS = 5
const QUARTERS_DAYS = 8
/** ROLLUP_LINK_VALUES_MAX and ROLLUP_VALUES_MAX, which folding leaves of each day. */
const VALUES_MAX = { ofLinks: 100, ofOthers: 500 }
const NO_LIMIT = { ofLinks: 1_000_000, ofOthers: 1_000_000 }
/** Links with more visits than all others are visited all year, others mostly in the week they are made. */
const STEADY_LINKS = 100
const SHORT_DAYS = 14

/** How many values there are of each family, in a link and elsewhere, and how steeply their shares fall. */
const FAMILIES = [
  {
    ...{ family: "client", ofLink: 60, ofOthers: 120, slope: 1.8 },
    value: `concat_ws(E'\t', (array['wechat','browser','qq','douyin','wecom','alipay'])[1 + i % 6],
      (array['android','ios','windows','harmonyos','macos'])[1 + i / 6 % 5], 'phone', 'browser-' || i / 30)`,
  },
  {
    ...{ family: "place", ofLink: 120, ofOthers: 150, slope: 1.9 },
    value: `concat_ws(E'\t', (array['CN','CN','CN','US','SG'])[1 + i % 5], 'Region ' || i)`,
  },
  { family: "total", ofLink: 1, ofOthers: 1, slope: 1, value: "''" },
  { family: "language", ofLink: 8, ofOthers: 40, slope: 2.5, value: "'language-' || i" },
  { family: "referrer", ofLink: 300, ofOthers: 2_000, slope: 1.6, value: "'host-' || i || '.example'" },
  {
    ...{ family: "decision", ofLink: 8, ofOthers: 80, slope: 1.6 },
    value: `concat_ws(E'\t', (array['redirect','guide','fallback','denied'])[1 + i % 4],
      (array['','iOS to the store','weekend'])[1 + i / 4 % 3], 'side ' || i / 12)`,
  },
]

type Filling = { clicks: number; today: string; say: (line: string) => void }

export async function fillCounts(client: pg.Client, { clicks, today, say }: Filling): Promise<void> {
  const firstUnfolded = dayAfter(today, -UNFOLDED_DAYS)
  await client.query(
    "set synchronous_commit = off; set work_mem = '256MB'; set maintenance_work_mem = '1GB'; set jit = off",
  )
  await client.query("drop index day_rollups_scope")
  await client.query(`
    create temp table busy as
    with ranked as (
      select id, workspace_id, domain_id, row_number() over (order by md5(id)) as rank from links
    ), totals as (
      select *, ${clicks} / rank / sum(1.0 / rank) over () as total,
        case when rank <= ${STEADY_LINKS} then 0 else abs(hashtext(id)) % ${DAYS} end as first,
        case when rank <= ${STEADY_LINKS} then ${DAYS} else ${SHORT_DAYS} end as days
      from ranked
    )
    select id as link_id, workspace_id, domain_id, '${today}'::date - ${DAYS - 1} + first + d as day,
      ceil(case when days = ${DAYS} then total / days else total / 2 ^ (d + 1) end)::bigint as visits
    from totals cross join lateral generate_series(0, days - 1) d
    where first + d < ${DAYS}`)
  await client.query(`
    create temp table scoped as
    select link_id as scope_id, day, visits from busy
    union all select workspace_id, day, sum(visits) from busy group by 1, 2
    union all select domain_id, day, sum(visits) from busy group by 1, 2
    union all select tag_id, day, sum(visits) from busy join link_tags using (link_id) group by 1, 2
    order by day, scope_id`)
  await client.query("analyze scoped")
  say(`${await count(client, "scoped")} days of links, tags, domains and the workspace`)
  await fillDays(client, firstUnfolded)
  say(`${await count(client, "day_rollups")} rows by the day`)
  await client.query("create index day_rollups_scope on day_rollups (scope_id, family, day)")
  await client.query("analyze day_rollups")
  await fillQuarters(client, today)
  say(`${await count(client, "quarter_rollups")} rows by the quarter of an hour`)
  await client.query("update rollup_state set days_until = $1, quarters_since = $2", [
    `${firstUnfolded} 00:00Z`,
    `${dayAfter(today, -QUARTERS_DAYS)} 00:00Z`,
  ])
}

/** Once nothing is added or folded any more, as Postgres would be after a while. */
export async function tidyCounts(client: pg.Client): Promise<void> {
  for (const table of ["quarter_rollups", "day_rollups", "month_rollups"])
    await client.query(`vacuum (analyze) ${table}`)
  await client.query("checkpoint")
}

async function fillDays(client: pg.Client, firstUnfolded: string): Promise<void> {
  const into = "insert into day_rollups (scope_id, family, day, is_compact, value, visits, automated, clicks)"
  for (let offset = -DAYS + 1; offset < -UNFOLDED_DAYS; offset++) {
    const source = `select scope_id, day, visits from scoped where day = $1`
    await client.query(`${into} ${combinations("day", source, VALUES_MAX)} order by 1, 2`, [
      dayAfter(firstUnfolded, offset + UNFOLDED_DAYS),
    ])
  }
  await client.query(`
    ${into} select scope_id, 'link', day, true, ${listed("link_id", "visits")}
    from busy cross join lateral (
      select workspace_id as scope_id union all select domain_id
      union all select tag_id from link_tags t where t.link_id = busy.link_id
    ) as scopes group by 1, 3 order by day, 1`)
  await client.query(`
    ${into} select scope_id, family, day, true, value, ceil(visits * share), '0', '0'
    from scoped
      cross join (values ('visitors', '', 0.7), ('guide', 'shown', 0.3), ('guide', 'returned', 0.1)) as kinds (family, value, share)
    where family = 'guide' or scope_id in (select id from links union all select id from workspaces)
    order by day, 1`)
}

/** A partition a day, as upkeep makes them. */
async function fillQuarters(client: pg.Client, today: string): Promise<void> {
  for (let offset = -QUARTERS_DAYS; offset <= 1; offset++) {
    const day = dayAfter(today, offset)
    const name = `quarter_rollups_${day.replaceAll("-", "")}`
    await client.query(
      `create table ${name} partition of quarter_rollups for values from ('${day} 00:00Z') to ('${dayAfter(day, 1)} 00:00Z')`,
    )
    const source = `
      select scope_id, (day + q * interval '15 minutes') at time zone 'UTC' as bucket, visits_of.visits
      from scoped cross join generate_series(0, 95) q
        cross join lateral (select round(scoped.visits / 96.0 * (0.5 + random()))::bigint as visits) as visits_of
      where day = $1 and visits_of.visits > 0`
    await client.query(
      `insert into ${name} (scope_id, family, bucket, is_compact, value, visits, automated, clicks)
       ${combinations("bucket", source, NO_LIMIT)} order by 3, 1, 2`,
      [day],
    )
  }
}

/** Rows of all families for rows of scope_id, a period and visits. */
function combinations(period: string, source: string, valuesMax: typeof VALUES_MAX): string {
  const families = FAMILIES.map(({ family, ofLink, ofOthers, slope, value }) => {
    const first = 1 / sumOfShares(ofOthers, slope)
    const most = `case when scope_id like 'lnk%' then ${Math.min(ofLink, valuesMax.ofLinks)} else ${Math.min(ofOthers, valuesMax.ofOthers)} end`
    return `
      select scope_id, '${family}', period, true, ${listed("value", "counted")}
      from (
        select scope_id, period, i, greatest(1, round(visits * ${first} * i ^ -${slope}::float8))::bigint as counted
        from source cross join lateral generate_series(
          1, least(${most}, greatest(1, floor((2 * visits * ${first}) ^ (1 / ${slope}::float8))))::int
        ) as i
      ) as counts
      join (select i, ${value} as value from generate_series(1, ${ofOthers}) as i) as names using (i)
      group by 1, 3`
  })
  return `
    select * from (
      with source as materialized (select scope_id, ${period} as period, visits from (${source}) as given)
      ${families.join(" union all ")}
    ) as rows`
}

/** Lists as they lie in a row: of ten visits one is automated, and six are clicks. */
function listed(value: string, visits: string): string {
  const counts = [visits, `${visits} / 10`, `${visits} * 6 / 10`]
  return [`string_agg(${value}, E'\\n')`, ...counts.map((each) => `string_agg((${each})::text, ',')`)].join()
}

function sumOfShares(most: number, slope: number): number {
  return Array.from({ length: most }, (_, i) => (i + 1) ** -slope).reduce((sum, share) => sum + share, 0)
}

async function count(client: pg.Client, table: string): Promise<string> {
  const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`)
  return Number(rows[0]?.count).toLocaleString("en")
}

function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10)
}

/** Single visits of the last three days, as many of each link as its share of the day. */
export async function fillVisits(client: pg.Client, visits: number, today: string): Promise<void> {
  for (let offset = -2; offset <= 0; offset++) {
    const day = dayAfter(today, offset)
    const name = `visits_${day.replaceAll("-", "")}`
    await client.query(
      `create table if not exists ${name} partition of visits for values from ('${day} 00:00Z') to ('${dayAfter(day, 1)} 00:00Z')`,
    )
    await client.query(
      `insert into visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer)
       select ('${day} 00:00Z'::timestamptz + n * interval '24 hours' / ${Math.ceil(visits / 3)}), l.id, l.workspace_id,
         'redirect', n % 10 = 0, 'wechat', 'android', 'phone', 'browser-1', 'zh-CN', ''
       from generate_series(0, ${Math.ceil(visits / 3)} - 1) n
         join (select row_number() over (order by md5(id)) as rank, id, workspace_id from links) l
           on l.rank = 1 + floor(10000 ^ random())::int % 10000`,
    )
  }
  await client.query("vacuum (analyze) visits")
}
