import { text, time } from "@qiao/core/fields.ts"
import type { FastifyRequest } from "fastify"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { ApiKey } from "../db/schema.ts"
import { Problem } from "../problem.ts"
import * as keys from "../repositories/keys.ts"
import { findWorkspace } from "../repositories/workspaces.ts"
import { checkIfMatch, etag, refuseIdempotencyKey, write } from "../write.ts"
import { failures, idParams, noContent, ownedQuery, ownerOf, pageOfSchema } from "./schemas.ts"

const settings = z.strictObject({
  name: text(100),
  scopes: z
    .array(z.enum(keys.SCOPES))
    .min(1)
    .transform((scopes) => [...new Set(scopes)]),
  expiresAt: time.nullable(),
})

const keyCreate = settings.partial({ expiresAt: true }).extend({ workspaceId: text(100).optional() })

const keySchema = z
  .object({
    id: z.string(),
    workspaceId: z.string(),
    name: z.string(),
    hint: z.string().describe("How the key begins"),
    scopes: z.array(z.enum(keys.SCOPES)),
    expiresAt: z.string().nullable(),
    version: z.number(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "Key" })

const newKeySchema = keySchema.extend({ key: z.string().describe("Shown this once") }).meta({ id: "NewKey" })
const response = { 200: keySchema, ...failures }

export const keyRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post("/keys", {
    config: { scope: "admin" },
    schema: {
      summary: "Create an API key",
      description:
        "The answer shows the key this once. Takes no `Idempotency-Key`. `workspaceId` is for operators.",
      body: keyCreate,
      response: { 201: newKeySchema, ...failures },
    },
    handler: (req, reply) => {
      refuseIdempotencyKey(req)
      return write(req, reply, async (trx) => {
        const { workspaceId = req.caller.workspaceId, name, scopes, expiresAt = null } = req.body
        checkScopes(req, scopes)
        await findWorkspace(trx, ownerOf(req, workspaceId))
        const { key, secret } = await keys.createKey(trx, { workspaceId, name, scopes, expiresAt })
        const headers = {
          etag: etag(key.version),
          location: `/v1/keys/${key.id}`,
          "cache-control": "no-store",
        }
        return { status: 201, body: { ...toKey(key), key: secret }, headers }
      })
    },
  })

  app.get("/keys", {
    config: { scope: "admin" },
    schema: {
      summary: "List API keys",
      querystring: ownedQuery,
      response: { 200: pageOfSchema(keySchema), ...failures },
    },
    handler: async (req) => {
      const page = await keys.listKeys(app.db, ownerOf(req, req.query.workspaceId), req.query)
      return { data: page.data.map(toKey), nextCursor: page.nextCursor }
    },
  })

  app.get("/keys/:id", {
    config: { scope: "admin" },
    schema: { summary: "Get an API key", params: idParams, response },
    handler: async (req, reply) => {
      const key = await keys.findKey(app.db, keys.reachOf(req.caller), req.params.id)
      return reply.header("etag", etag(key.version)).send(toKey(key))
    },
  })

  app.patch("/keys/:id", {
    config: { scope: "admin" },
    schema: { summary: "Change an API key", params: idParams, body: settings.partial(), response },
    handler: (req, reply) => {
      refuseIdempotencyKey(req)
      return write(req, reply, async (trx) => {
        const before = await keys.lockKey(trx, keys.reachOf(req.caller), req.params.id)
        checkIfMatch(req, before.version)
        checkScopes(req, [...(before.scopes as keys.Scope[]), ...(req.body.scopes ?? [])])
        const key = await keys.updateKey(trx, before, req.body)
        return { status: 200, body: toKey(key), headers: { etag: etag(key.version) } }
      })
    },
  })

  app.delete("/keys/:id", {
    config: { scope: "admin" },
    schema: { summary: "Delete an API key", params: idParams, response: { ...noContent, ...failures } },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const key = await keys.lockKey(trx, keys.reachOf(req.caller), req.params.id)
        checkIfMatch(req, key.version)
        checkScopes(req, key.scopes as keys.Scope[])
        await keys.deleteKey(trx, key)
        return { status: 204, body: null }
      }),
  })
}

/** Nobody gives away, or takes from others, what their own key may not do. */
function checkScopes(req: FastifyRequest, scopes: keys.Scope[]): void {
  const missing = scopes.filter((scope) => !req.caller.scopes.has(scope))
  if (missing.length > 0) {
    throw new Problem(403, "missing_scope", `This needs a key with the scope ${missing.join(", ")}.`)
  }
}

function toKey(key: ApiKey): z.output<typeof keySchema> {
  const { id, workspaceId, name, hint, scopes, expiresAt, version, createdAt, updatedAt } = key
  return {
    id,
    workspaceId,
    name,
    hint,
    version,
    scopes: scopes as keys.Scope[],
    expiresAt: expiresAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
