import { createHash } from "node:crypto"
import { customAlphabet } from "nanoid"
import type { Db, Trx } from "../db/connect.ts"
import type { ApiKey } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { notFound } from "../problem.ts"
import { type Page, type PageRequest, paged } from "./page.ts"

export const SCOPES = ["links:read", "links:write", "stats:read", "admin", "operator"] as const
export type Scope = (typeof SCOPES)[number]

/** `admin` may do everything in its workspace, `operator` everything on the instance. */
const IMPLIED: Partial<Record<Scope, readonly Scope[]>> = {
  admin: ["links:read", "links:write", "stats:read", "admin"],
  operator: SCOPES,
}

export type Caller = { keyId: string; workspaceId: string; scopes: ReadonlySet<Scope>; isExpired: boolean }

/** 190 bits; the letters need no escaping anywhere. */
const newSecret = customAlphabet("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 32)

/** Whose rows a caller may touch: those of one workspace, or, as the operator, all. */
export type Reach = "instance" | (string & {})

export function reachOf({ scopes, workspaceId }: Caller): Reach {
  return scopes.has("operator") ? "instance" : workspaceId
}

export type NewKey = { workspaceId: string; name: string; scopes: Scope[]; expiresAt: Date | null }

/** The secret is returned here and never again: only its SHA-256 is stored. */
export async function createKey(trx: Db | Trx, values: NewKey): Promise<{ key: ApiKey; secret: string }> {
  const secret = `qk_${newSecret()}`
  const key = await trx
    .insertInto("apiKeys")
    .values({ id: newId("key"), ...values, hash: hashOf(secret), hint: secret.slice(0, 7) })
    .returningAll()
    .executeTakeFirstOrThrow()
  return { key, secret }
}

/** Who holds this secret; null for an unknown one. */
export async function findCaller(db: Db, secret: string, now: Date): Promise<Caller | null> {
  const key = await db
    .selectFrom("apiKeys")
    .select(["id", "workspaceId", "scopes", "expiresAt"])
    .where("hash", "=", hashOf(secret))
    .executeTakeFirst()
  if (key === undefined) return null
  const scopes = key.scopes as Scope[]
  return {
    keyId: key.id,
    workspaceId: key.workspaceId,
    scopes: new Set(scopes.flatMap((scope) => IMPLIED[scope] ?? [scope])),
    isExpired: key.expiresAt !== null && key.expiresAt <= now,
  }
}

export function listKeys(db: Db, workspaceId: string, page: PageRequest): Promise<Page<ApiKey>> {
  return paged(db.selectFrom("apiKeys").selectAll().where("workspaceId", "=", workspaceId), page)
}

export async function findKey(db: Db, reach: Reach, id: string): Promise<ApiKey> {
  return found(await byId(db, reach, id).executeTakeFirst())
}

export async function lockKey(trx: Trx, reach: Reach, id: string): Promise<ApiKey> {
  return found(await byId(trx, reach, id).forUpdate().executeTakeFirst())
}

export type KeyPatch = { name?: string; scopes?: Scope[]; expiresAt?: Date | null }

/** Changes a key that the caller locked. */
export function updateKey(trx: Trx, key: ApiKey, patch: KeyPatch): Promise<ApiKey> {
  return trx
    .updateTable("apiKeys")
    .set((eb) => ({ ...patch, version: eb("version", "+", 1), updatedAt: eb.fn<Date>("now", []) }))
    .where("id", "=", key.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function deleteKey(trx: Trx, key: ApiKey): Promise<void> {
  await trx.deleteFrom("apiKeys").where("id", "=", key.id).execute()
}

const byId = (db: Db, reach: Reach, id: string) =>
  db
    .selectFrom("apiKeys")
    .selectAll()
    .where("id", "=", id)
    .$if(reach !== "instance", (query) => query.where("workspaceId", "=", reach))

function found(key: ApiKey | undefined): ApiKey {
  if (key === undefined) throw notFound("key")
  return key
}

/** Secrets are random, so a fast hash is as safe as a slow one. */
function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest()
}
