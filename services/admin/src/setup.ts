import { parseArgs } from "node:util"
import { parseConfig } from "./config.ts"
import { connectDb, type Db } from "./db/connect.ts"
import { newId } from "./ids.ts"
import { createDomain, listDomains, updateDomain } from "./repositories/domains.ts"
import { createKey, SCOPES } from "./repositories/keys.ts"
import { createWorkspace, listWorkspaces } from "./repositories/workspaces.ts"

const FIRST = { limit: 1 }

export type SetupOptions = { host: string; aliases: string[]; origin: string; isNewKeyWanted: boolean }
export type SetupResult = { workspaceId: string; apiKey: string | null }

/**
 * Makes the first workspace, domain and key (with every scope) of an empty database. On a later run it only brings the domain's
 * origin up to date, and makes another key where one is wanted.
 */
export async function setUp(db: Db, options: SetupOptions): Promise<SetupResult> {
  const { host, aliases, origin, isNewKeyWanted } = options
  return db.transaction().execute(async (trx) => {
    const known = (await listWorkspaces(trx, FIRST)).data[0]
    const workspace = known ?? (await createWorkspace(trx, { name: "Default", timeZone: "Asia/Shanghai" }))
    const workspaceId = workspace.id
    const domain = (await listDomains(trx, workspaceId, FIRST)).data[0]
    if (domain === undefined) {
      await createDomain(trx, newId("dom"), { workspaceId, host, aliases, origin, caseSensitive: true })
    } else if (domain.host === host && domain.origin !== origin) {
      await updateDomain(trx, domain, { origin })
    }
    if (known !== undefined && !isNewKeyWanted) return { workspaceId, apiKey: null }
    const key = await createKey(trx, { workspaceId, name: "First key", scopes: [...SCOPES], expiresAt: null })
    return { workspaceId, apiKey: key.secret }
  })
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      host: { type: "string", default: "localhost" },
      alias: { type: "string", multiple: true, default: [] },
      origin: { type: "string", default: "http://localhost:8080" },
      "new-key": { type: "boolean", default: false },
    },
  })
  const { host, alias: aliases, origin, "new-key": isNewKeyWanted } = values
  const db = connectDb(parseConfig(process.env).DATABASE_URL, 1, () => {})
  console.log(JSON.stringify(await setUp(db, { host, aliases, origin, isNewKeyWanted })))
  await db.destroy()
}
