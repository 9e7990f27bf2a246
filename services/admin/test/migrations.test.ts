import { BANS_KEY, domainKey, linkKey } from "@qiao/core/keys.ts"
import type { Link } from "@qiao/core/link.ts"
import { Kysely, PostgresDialect, sql } from "kysely"
import { type Migration, Migrator } from "kysely/migration"
import pg from "pg"
import t, { type Test } from "tap"
import { createDatabase } from "../../test/support/database.ts"
import { migrate } from "../src/db/migrate.ts"
import * as initial from "../src/db/migrations/001-initial.ts"
import * as rules from "../src/db/migrations/002-rules.ts"
import * as pages from "../src/db/migrations/003-rule-sets-pages-bans.ts"
import { claimDue } from "../src/repositories/publications.ts"
import { HOST, startAdmin } from "./support/admin.ts"
import { expectNoDrift, publishAll, publisherOf, readDomain, readLink } from "./support/publisher.ts"
import { expectRecount } from "./support/recount.ts"

const UNTIL_RULES = { "001-initial": initial, "002-rules": rules }
const UNTIL_PAGES = { ...UNTIL_RULES, "003-rule-sets-pages-bans": pages }

/** A database as a former version left it. */
async function databaseBefore(
  t: Test,
  migrations: Record<string, Migration>,
): Promise<{ url: string; db: Kysely<unknown> }> {
  const { url } = await createDatabase(t)
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  t.teardown(() => db.destroy())
  await sql`drop schema public cascade`.execute(db)
  await sql`create schema public`.execute(db)
  const provider = { getMigrations: async () => migrations }
  const { error } = await new Migrator({ db, provider }).migrateToLatest()
  if (error !== undefined) throw error
  return { url, db }
}

const RULES = [{ when: { os: ["ios"] }, then: { deny: true } }]
const [LINK, GONE] = [linkKey(HOST, "old"), linkKey(HOST, "gone")]

async function addRows(db: Kysely<unknown>): Promise<void> {
  await sql`insert into workspaces (id, name, time_zone) values ('ws_old', 'old', 'Europe/Berlin')`.execute(
    db,
  )
  await sql`
    insert into domains (id, workspace_id, host, aliases, origin, root_url)
    values ('dom_old', 'ws_old', ${HOST}, '{}', ${`https://${HOST}`}, 'https://root.example/')`.execute(db)
  await sql`insert into domain_hosts (host, domain_id) values (${HOST}, 'dom_old')`.execute(db)
  await sql`
    insert into links (id, workspace_id, domain_id, code, url, redirect_status, enabled, forward_query, forward_path,
      guide_platforms, banned_at, rules)
    values ('lnk_old', 'ws_old', 'dom_old', 'old', 'https://a.example/', 307, true, false, true, '{wechat}', now(),
      ${JSON.stringify(RULES)})`.execute(db)
  await sql`
    insert into publications (key, kind, subject_id, revision, published_revision, published_at)
    values (${domainKey(HOST)}, 'domain', 'dom_old', 3, 3, now()), (${LINK}, 'link', 'lnk_old', 7, 7, now()),
      (${GONE}, 'link', null, 2, 2, now())`.execute(db)
}

t.test("an instance that is brought up to date keeps what it has, and publishes what is new", async (t) => {
  const { url, db } = await databaseBefore(t, UNTIL_RULES)
  await addRows(db)
  t.same(await migrate(url), ["003-rule-sets-pages-bans", "004-clicks"])

  const admin = await startAdmin(t, { databaseUrl: url })
  const due = await admin.db.transaction().execute((trx) => claimDue(trx, 100))
  t.same(due.sort(), [BANS_KEY, domainKey(HOST)].sort(), "domains are published again, links are not")

  const workspace = await admin.call("GET", "/v1/workspaces/ws_old")
  t.match(workspace.body, { name: "old", timeZone: "Europe/Berlin", brand: null, wechatSignatureUrl: null })
  t.match((await admin.call("GET", "/v1/domains/dom_old")).body, {
    ...{ host: HOST, rootUrl: "https://root.example/", expiredUrl: null, files: [], robotsTxt: null },
    platformStatus: {},
  })
  t.match((await admin.call<Link>("GET", "/v1/links/lnk_old")).body, {
    ...{ code: "old", url: "https://a.example/", redirectStatus: 307, forwardPath: true, rules: RULES },
    ...{ ruleSetId: null, hasPassword: false, status: "banned", guidePlatforms: ["wechat"] },
  })

  const publisher = await publisherOf(t, admin)
  await sql`update publications set published_revision = 0 where kind = 'link'`.execute(db)
  await publishAll(publisher)
  await expectNoDrift(t, publisher)
  t.match(await readDomain(publisher, domainKey(HOST)), { revision: 3, record: { host: HOST } })
  t.match(await readLink(publisher, LINK), { revision: 7, record: { id: "lnk_old", banned: true } })
  t.match(await readLink(publisher, GONE), { revision: 2, record: null })
})

t.test("visits of former versions are counted as those of today are, and totals are kept", async (t) => {
  const { url, db } = await databaseBefore(t, UNTIL_PAGES)
  await addRows(db)
  await sql`insert into tags (id, workspace_id, name) values ('tag_old', 'ws_old', 'a')`.execute(db)
  await sql`insert into link_tags values ('lnk_old', 'tag_old')`.execute(db)
  await sql`
    create table visits_all partition of visits for values from ('2026-03-01') to ('2026-05-01')`.execute(db)
  // Around the days on which Berlin's clocks and days change.
  await sql`
    insert into visits (at, link_id, workspace_id, outcome, automated, platform, os, device, browser, language, referrer, rule,
      variant)
    select '2026-03-28 21:00Z'::timestamptz + n * interval '7 minutes', case when n % 5 = 0 then 'lnk_gone' else 'lnk_old' end,
      case when n % 5 = 0 then null else 'ws_old' end, (array['redirect', 'guide', 'denied'])[n % 3 + 1], n % 4 = 0,
      'wechat', (array['ios', 'android'])[n % 2 + 1], 'phone', 'webview', 'zh-CN', case when n % 7 = 0 then 'a.example' else '' end,
      case when n % 6 = 0 then 'evening' else '' end, ''
    from generate_series(1, 600) n`.execute(db)
  await sql`
    insert into link_totals select link_id, count(*), count(*) filter (where automated),
      count(*) filter (where outcome = 'redirect' and not automated) from visits group by 1`.execute(db)
  await sql`
    insert into visit_rollups values ('lnk_old', 'total', '2026-03-28 21:00Z', '', false, 600, 1)`.execute(db)
  await sql`
    insert into guide_tokens values ('lnk_old', 'a', '2026-03-28 22:59Z', '2026-03-29 05:00Z'),
      ('lnk_old', 'b', '2026-03-28 23:01Z', null), ('lnk_old', 'c', null, '2026-03-29 05:00Z')`.execute(db)
  await sql`
    insert into edge_instances (instance, accepted, spilled, dropped, duplicate_batches, last_at)
    values ('edge', 600, 0, 0, 3, now())`.execute(db)
  t.same(await migrate(url), ["004-clicks"])

  const admin = await startAdmin(t, { databaseUrl: url })
  await expectRecount(t, admin.db)
  const { rows: guide } = await sql`
    select day::text, value, visits::int from visit_days where family = 'guide' and scope_id = 'tag_old'
    order by day, value`.execute(admin.db)
  t.same(guide, [
    { day: "2026-03-28", value: "returned", visits: 1 },
    { day: "2026-03-28", value: "shown", visits: 1 },
    { day: "2026-03-29", value: "shown", visits: 1 },
  ])
  t.match(await admin.db.selectFrom("edgeInstances").selectAll().executeTakeFirst(), {
    ...{ accepted: 600, batches: 0, deliveredBatches: 3, duplicateBatches: 3 },
  })
})

t.test("lists and claims read the rows they need, in order", async (t) => {
  const admin = await startAdmin(t)
  const indexes = await sql<{ name: string; definition: string }>`
    select indexname as name, indexdef as definition from pg_indexes where schemaname = 'public'`.execute(
    admin.db,
  )
  const definitionOf = (index: string) => indexes.rows.find(({ name }) => name === index)?.definition ?? ""
  t.match(definitionOf("publications_due"), /\(changed_at\) WHERE \(revision <> published_revision\)/)
  t.match(definitionOf("rule_sets_workspace"), /\(workspace_id, id\)/)
})
