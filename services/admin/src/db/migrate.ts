import { Kysely, PostgresDialect } from "kysely"
import { type Migration, Migrator } from "kysely/migration"
import pg from "pg"
import * as initial from "./migrations/001-initial.ts"
import * as rules from "./migrations/002-rules.ts"
import * as pages from "./migrations/003-rule-sets-pages-bans.ts"
import * as clicks from "./migrations/004-clicks.ts"

const MIGRATIONS: Record<string, Migration> = {
  "001-initial": initial,
  "002-rules": rules,
  "003-rule-sets-pages-bans": pages,
  "004-clicks": clicks,
}

/** Brings the database to the newest schema. Safe to run at the same time from several places. Throws when a migration fails. */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
    const { error, results = [] } = await migrator.migrateToLatest()
    if (error !== undefined) throw error
    return results.map((result) => result.migrationName)
  } finally {
    await db.destroy()
  }
}

if (import.meta.main) {
  const url = process.env.DATABASE_URL
  if (url === undefined || url === "") {
    console.error("DATABASE_URL is not set")
    process.exit(1)
  }
  const applied = await migrate(url)
  console.log(applied.length === 0 ? "The database is up to date." : `Applied ${applied.join(", ")}.`)
}
