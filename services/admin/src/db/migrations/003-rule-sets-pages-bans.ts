import { BANS_KEY } from "@qiao/core/keys.ts"
import { type Kysely, sql } from "kysely"

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table rule_sets (
      id text collate "C" primary key,
      workspace_id text collate "C" not null references workspaces,
      name text not null,
      rules jsonb not null,
      version int not null default 1,
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now(),
      unique (workspace_id, name)
    )`.execute(db)
  await sql`create index rule_sets_workspace on rule_sets (workspace_id, id)`.execute(db)
  await sql`
    alter table links
      add column rule_set_id text collate "C" references rule_sets,
      add column password_hash text,
      add column password_version int not null default 0`.execute(db)
  await sql`create index links_rule_set on links (rule_set_id) where rule_set_id is not null`.execute(db)

  await sql`
    alter table domains
      add column expired_url text,
      add column files jsonb not null default '[]',
      add column apple_app_site_association text,
      add column asset_links text,
      add column robots_txt text,
      add column platform_status jsonb not null default '{}'`.execute(db)
  await sql`
    alter table workspaces
      add column brand jsonb,
      add column wechat_signature_url text`.execute(db)

  // A lifted ban stays: who banned what, when, why, and who lifted it.
  await sql`
    create table bans (
      id text collate "C" primary key,
      kind text not null check (kind in ('link', 'host', 'domain', 'workspace')),
      value text collate "C" not null,
      workspace_id text collate "C",
      reason text not null,
      by_operator boolean not null,
      created_by text collate "C" not null,
      created_at timestamptz(3) not null default now(),
      lifted_by text collate "C",
      lifted_at timestamptz(3)
    )`.execute(db)
  await sql`create unique index bans_in_force on bans (kind, value) where lifted_at is null`.execute(db)
  await sql`create index bans_workspace on bans (workspace_id, id)`.execute(db)

  await sql`
    create table reports (
      id text collate "C" primary key,
      edge_id text collate "C" not null unique,
      link_id text collate "C" not null,
      workspace_id text collate "C",
      host text not null,
      code text not null,
      reason text not null,
      details text not null,
      language text not null,
      network text not null,
      reported_at timestamptz(3) not null,
      created_at timestamptz(3) not null default now()
    )`.execute(db)
  await sql`create index reports_workspace on reports (workspace_id, id)`.execute(db)
  await sql`create index reports_link on reports (link_id, id)`.execute(db)

  // That a token was shown and that it came back are told by two visits, in any order. A row without shown_at is a token that somebody
  // made up, or brought to another link.
  await sql`
    create table guide_tokens (
      link_id text collate "C" not null,
      token text collate "C" not null,
      shown_at timestamptz(3),
      returned_at timestamptz(3),
      primary key (link_id, token)
    )`.execute(db)
  await sql`create index guide_tokens_link on guide_tokens (link_id, shown_at)`.execute(db)

  await sql`
    alter table visits
      add column rule text not null default '',
      add column variant text not null default ''`.execute(db)

  // Claimed by age, so that a backlog keeps no ban waiting.
  await sql`drop index publications_due`.execute(db)
  await sql`
    create index publications_due on publications (changed_at) where revision <> published_revision`.execute(
    db,
  )
  await sql`alter table publications drop constraint publications_kind_check`.execute(db)
  await sql`
    alter table publications add check (kind in ('link', 'domain', 'rule_set', 'bans'))`.execute(db)
  await sql`insert into publications (key, kind, subject_id) values (${BANS_KEY}, 'bans', 'instance')`.execute(
    db,
  )
  // A domain's record says more than it did.
  await sql`update publications set published_revision = 0 where kind = 'domain'`.execute(db)
}
