import { createHash, randomBytes } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { Client } from "pg"
import { root } from "../../../scripts/lib/services.ts"
import { migrate } from "../../admin/src/db/migrate.ts"
import type { Scope } from "./scope.ts"

/** One number for all who make the template, so that only one does. */
const templateLock = 7_142_601

/**
 * A fresh, migrated database for this test alone, on the given server or that of DATABASE_URL.
 * The migrations run once a server: every database is a copy of a template named by their content.
 */
export async function createDatabase(
  scope: Scope,
  server = process.env.DATABASE_URL,
): Promise<{ url: string }> {
  if (!server) throw new Error("DATABASE_URL is not set: run the tests by ./scripts/test")
  const template = `qiao_template_${await fingerprint()}`
  const name = `qiao_test_${randomBytes(6).toString("hex")}`

  await withClient(server, async (client) => {
    await ensureTemplate(client, server, template)
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  })
  scope.teardown(() => withClient(server, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`)))
  return { url: urlOf(server, name) }
}

/** It gets its name only when it is whole. */
async function ensureTemplate(client: Client, server: string, template: string) {
  await client.query("SELECT pg_advisory_lock($1)", [templateLock])
  try {
    const found = await client.query("SELECT FROM pg_database WHERE datname = $1", [template])
    if (found.rowCount) return
    const draft = `${template}_draft`
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`)
    await client.query(`CREATE DATABASE ${draft}`)
    await migrate(urlOf(server, draft))
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`)
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [templateLock])
  }
}

async function fingerprint() {
  const folder = `${root}/services/admin/src/db`
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`)
  const hash = createHash("sha256")
  for (const file of files.sort()) hash.update(file).update(await readFile(file))
  return hash.digest("hex").slice(0, 12)
}

function urlOf(server: string, database: string) {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}

async function withClient(url: string, use: (client: Client) => Promise<unknown>) {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}
