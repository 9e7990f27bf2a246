import { type Kysely, sql } from "kysely"
import { recount } from "./004-recount.ts"

export async function up(db: Kysely<unknown>): Promise<void> {
  // What the edge does with a link's `maxClicks` while Redis is away. Visits from before `clicks_erased_at` are stored nowhere.
  await sql`
    alter table links
      add column cap_when_unavailable text not null default 'closed' check (cap_when_unavailable in ('open', 'closed')),
      add column clicks_erased_at timestamptz(3)`.execute(db)
  await sql`alter table link_totals add column synthetic bigint not null default 0`.execute(db)
  // Links with `maxClicks` get their counters; `buried_id` says whose goes once the tombstone is published.
  await sql`alter table publications add column buried_id text collate "C"`.execute(db)
  await sql`
    update publications set published_revision = 0
    where subject_id in (select id from links where max_clicks is not null)`.execute(db)

  // An id of their own, as many visits share a millisecond. `visitor` is a hash that is new every day.
  await sql`create sequence visit_ids cache 1000`.execute(db)
  await sql`
    alter table visits
      add column id bigint not null default nextval('visit_ids'),
      add column synthetic boolean not null default false,
      add column country text not null default '',
      add column region text not null default '',
      add column city text not null default '',
      add column isp text not null default '',
      add column visitor bigint`.execute(db)
  await sql`create index visits_workspace on visits (workspace_id, at)`.execute(db)

  // What came, apart from what it counts: batches that came for the first time, and how many came at all.
  await sql`
    alter table edge_instances
      add column batches bigint not null default 0,
      add column delivered_batches bigint not null default 0,
      add column last_sequence bigint not null default -1,
      add column stopped_at timestamptz(3),
      add column known int8multirange not null default '{}'`.execute(db)
  await sql`update edge_instances set delivered_batches = duplicate_batches`.execute(db)

  // Batches that Postgres refused and `dead_lettered` counts; `sealed_at` is the time by which click_batches knows them.
  await sql`
    create table dead_letters (
      instance text collate "C" not null references edge_instances on delete cascade,
      sequence bigint not null,
      sealed_at timestamptz(3) not null,
      visits bigint not null,
      primary key (instance, sequence, sealed_at)
    )`.execute(db)

  await countByQuarter(db)
  await countByDay(db)
  await countByMonth(db)
  await recount(db)
  await eraseInSteps(db)

  await sql`
    create table visitor_salts (
      workspace_id text collate "C" not null,
      day date not null,
      salt bytea not null,
      primary key (workspace_id, day)
    )`.execute(db)
  // Who was there, by scope and day, as one number: who is new is counted.
  await sql`
    create table visitor_keys (
      day date not null,
      key bigint not null,
      primary key (day, key)
    ) partition by range (day)`.execute(db)

  await sql`
    create table orphan_visits (
      workspace_id text collate "C" not null,
      day date not null,
      host text collate "C" not null,
      path text collate "C" not null,
      visits bigint not null,
      last_at timestamptz(3) not null,
      primary key (workspace_id, day, host, path)
    )`.execute(db)
}

/**
 * One row for each scope (the prefix of its id says what it is), family of dimensions and period, with the counts of each combination of
 * their values: lists of a line for each value and of counts between commas, as an array would take ten times as long to read. Rows are
 * only added, so that nobody waits for another; the counts of a period are the sums over its rows, which are made one from time to time.
 * A partition a day, so that old ones are dropped.
 */
async function countByQuarter(db: Kysely<unknown>): Promise<void> {
  await sql`drop table visit_rollups`.execute(db)
  await sql`
    create table quarter_rollups (
      bucket timestamptz(3) not null,
      ${COUNTED},
      is_compact boolean not null default false
    ) partition by range (bucket)`.execute(db)
  await keepUncompressed(db, "quarter_rollups")
  await sql`create index quarter_rollups_scope on quarter_rollups (scope_id, family, bucket)`.execute(db)
  await sql`create index quarter_rollups_added on quarter_rollups (bucket) where not is_compact`.execute(db)
  await sql`
    create view visit_quarters as
    select scope_id, family, bucket, ${EACH} from quarter_rollups`.execute(db)
}

async function countByDay(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table day_rollups (
      day date not null,
      ${COUNTED},
      is_compact boolean not null default false
    )`.execute(db)
  await keepUncompressed(db, "day_rollups")
  await sql`create index day_rollups_scope on day_rollups (scope_id, family, day)`.execute(db)
  await sql`create index day_rollups_added on day_rollups (day) where not is_compact`.execute(db)
  await sql`create index day_rollups_day on day_rollups (day)`.execute(db)

  // Quarters before `days_until` are in day_rollups as well, and those before `quarters_since` are only there.
  await sql`create table rollup_state (days_until timestamptz(3) not null, quarters_since timestamptz(3) not null)`.execute(
    db,
  )
  await sql`create unique index rollup_state_one_row on rollup_state ((true))`.execute(db)
  await sql`insert into rollup_state values ('2000-01-01Z', '2000-01-01Z')`.execute(db)
}

/**
 * Days of months that are over: the counts of the month, value by value, and those of each day that has any, of the values at these places
 * of the row: `[{"day": "2026-11-22", "places": [0, 3], "visits": [5, 1], "automated": [0, 0], "clicks": [4, 1]}]`.
 */
async function countByMonth(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table month_rollups (
      month date not null,
      ${COUNTED},
      days json not null
    )`.execute(db)
  await keepUncompressed(db, "month_rollups")
  await sql`alter table month_rollups alter column days set storage external`.execute(db)
  await sql`create index month_rollups_scope on month_rollups (scope_id, family, month)`.execute(db)
  await sql`
    create view visit_days as
    select scope_id, family, day, ${EACH} from day_rollups
    union all
    select scope_id, family, (counted->>'day')::date, (${VALUES})[place::int + 1], visits::bigint, automated::bigint, clicks::bigint
    from (select scope_id, family, value, json_array_elements(days) as counted from month_rollups) as of_days
      cross join rows from (
        json_array_elements_text(counted->'places'), json_array_elements_text(counted->'visits'),
        json_array_elements_text(counted->'automated'), json_array_elements_text(counted->'clicks')
      ) as cells (place, visits, automated, clicks)`.execute(db)
}

/** What is to be erased may be much: it is asked for here, and done in the background. */
async function eraseInSteps(db: Kysely<unknown>): Promise<void> {
  await sql`alter table workspaces add column deleted_at timestamptz(3)`.execute(db)
  await sql`
    create table erasures (
      id text collate "C" primary key,
      kind text not null check (kind in ('link', 'tag', 'workspace')),
      subject_id text collate "C" not null,
      workspace_id text collate "C" not null,
      requested_by text collate "C" not null,
      requested_at timestamptz(3) not null default now(),
      finished_at timestamptz(3)
    )`.execute(db)
  await sql`create index erasures_finished on erasures (finished_at)`.execute(db)
  await sql`
    create table erased_links (
      link_id text collate "C" primary key,
      erased_at timestamptz(3) not null
    )`.execute(db)
}

const COUNTED = sql`
  scope_id text collate "C" not null,
  family text collate "C" not null,
  value text collate "C" not null,
  visits text not null,
  automated text not null,
  clicks text not null`

const VALUES = sql`case value when '' then '{""}' else string_to_array(value, E'\\n') end`

/** In the list of columns, which takes a third of the time of a function in `from`. */
const EACH = sql`
  unnest(${VALUES}) as value,
  unnest(string_to_array(visits, ',')::bigint[]) as visits,
  unnest(string_to_array(automated, ',')::bigint[]) as automated,
  unnest(string_to_array(clicks, ',')::bigint[]) as clicks`

/** Of long lists: to compress them costs more at each write than it saves at each reading. */
async function keepUncompressed(db: Kysely<unknown>, table: string): Promise<void> {
  for (const column of ["value", "visits", "automated", "clicks"])
    await sql`alter table ${sql.table(table)} alter column ${sql.ref(column)} set storage external`.execute(
      db,
    )
}
