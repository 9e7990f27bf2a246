import { type Kysely, sql } from "kysely"

/** Times have millisecond precision, as a Date has: nothing is lost on the way through JavaScript. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table workspaces (
      id text collate "C" primary key,
      name text not null,
      time_zone text not null,
      version int not null default 1,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    )`.execute(db)

  await sql`
    create table domains (
      id text collate "C" primary key,
      workspace_id text collate "C" not null references workspaces,
      host text collate "C" not null unique,
      aliases text[] not null default '{}',
      origin text not null,
      case_sensitive boolean not null default true,
      root_url text,
      not_found_url text,
      version int not null default 1,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    )`.execute(db)
  await sql`create index domains_workspace on domains (workspace_id, id)`.execute(db)

  await sql`
    create table domain_hosts (
      host text collate "C" primary key,
      domain_id text collate "C" not null references domains on delete cascade
    )`.execute(db)

  await sql`
    create table api_keys (
      id text collate "C" primary key,
      workspace_id text collate "C" not null references workspaces,
      name text not null,
      hash bytea not null unique,
      hint text not null,
      scopes text[] not null,
      expires_at timestamptz(3),
      version int not null default 1,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    )`.execute(db)
  await sql`create index api_keys_workspace on api_keys (workspace_id, id)`.execute(db)

  await sql`
    create table tags (
      id text collate "C" primary key,
      workspace_id text collate "C" not null references workspaces,
      name text not null,
      version int not null default 1,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now(),
      unique (workspace_id, name)
    )`.execute(db)

  await sql`
    create table links (
      id text collate "C" primary key,
      workspace_id text collate "C" not null references workspaces,
      domain_id text collate "C" not null references domains,
      code text collate "C" not null,
      url text not null,
      title text,
      external_id text collate "C",
      redirect_status smallint not null,
      starts_at timestamptz(3),
      expires_at timestamptz(3),
      expired_url text,
      max_clicks bigint,
      enabled boolean not null,
      forward_query boolean not null,
      forward_path boolean not null,
      guide_platforms text[] not null,
      allow_platforms text[],
      banned_at timestamptz(3),
      version int not null default 1,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now(),
      deleted_at timestamptz(3)
    )`.execute(db)
  await sql`create unique index links_external_id on links (workspace_id, external_id) where deleted_at is null`.execute(
    db,
  )
  await sql`create index links_workspace on links (workspace_id, id) where deleted_at is null`.execute(db)
  await sql`create index links_updated on links (workspace_id, updated_at, id) where deleted_at is null`.execute(
    db,
  )
  await sql`create index links_domain on links (domain_id, code)`.execute(db)

  await sql`
    create table link_tags (
      link_id text collate "C" not null references links on delete cascade,
      tag_id text collate "C" not null references tags on delete cascade,
      primary key (link_id, tag_id)
    )`.execute(db)
  await sql`create index link_tags_tag on link_tags (tag_id, link_id)`.execute(db)

  // No foreign key: a visit of a link that Postgres does not know (restored from an older backup) is counted all the same.
  await sql`
    create table link_totals (
      link_id text collate "C" primary key,
      visits bigint not null default 0,
      automated bigint not null default 0,
      clicks bigint not null default 0
    )`.execute(db)

  await sql`
    create table publications (
      key text collate "C" primary key,
      kind text not null check (kind in ('link', 'domain')),
      subject_id text collate "C",
      revision bigint not null default 1,
      published_revision bigint not null default 0,
      changed_at timestamptz(3) not null default now(),
      published_at timestamptz(3)
    )`.execute(db)
  await sql`create index publications_due on publications (key) where revision <> published_revision`.execute(
    db,
  )
  await sql`create index publications_published on publications (published_at)`.execute(db)

  await sql`create table publishing (epoch bigint not null)`.execute(db)
  await sql`create unique index publishing_one_row on publishing ((true))`.execute(db)
  await sql`insert into publishing (epoch) values (0)`.execute(db)

  await sql`
    create table idempotency_keys (
      workspace_id text collate "C" not null references workspaces on delete cascade,
      route text not null,
      key text collate "C" not null,
      request_hash bytea not null,
      status smallint,
      headers jsonb,
      body text,
      created_at timestamptz(3) not null default now(),
      primary key (workspace_id, route, key)
    )`.execute(db)
  await sql`create index idempotency_keys_created on idempotency_keys (created_at)`.execute(db)

  await sql`
    create table visits (
      at timestamptz(3) not null,
      link_id text collate "C" not null,
      workspace_id text collate "C",
      outcome text not null,
      automated boolean not null,
      platform text not null,
      os text not null,
      device text not null,
      browser text not null,
      language text not null,
      referrer text not null
    ) partition by range (at)`.execute(db)
  await sql`create index visits_link on visits (link_id, at)`.execute(db)

  await sql`
    create table click_batches (
      sealed_at timestamptz(3) not null,
      instance text collate "C" not null,
      sequence bigint not null,
      primary key (sealed_at, instance, sequence)
    ) partition by range (sealed_at)`.execute(db)

  await sql`create table click_batches_default partition of click_batches default`.execute(db)

  // The prefix of scope_id says what it is: a link or a workspace.
  await sql`
    create table visit_rollups (
      scope_id text collate "C" not null,
      dimension text collate "C" not null,
      bucket timestamptz(3) not null,
      value text collate "C" not null,
      automated boolean not null,
      visits bigint not null,
      clicks bigint not null,
      primary key (scope_id, dimension, bucket, value, automated)
    )`.execute(db)

  await sql`
    create table edge_instances (
      instance text collate "C" primary key,
      accepted bigint not null,
      spilled bigint not null,
      dropped bigint not null,
      stored bigint not null default 0,
      duplicate_batches bigint not null default 0,
      expired bigint not null default 0,
      dead_lettered bigint not null default 0,
      first_at timestamptz(3) not null default now(),
      last_at timestamptz(3) not null
    )`.execute(db)
}
