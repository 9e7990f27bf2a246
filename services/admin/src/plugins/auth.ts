import { normalizeIP } from "@fastify/rate-limit"
import type { FastifyInstance } from "fastify"
import fp from "fastify-plugin"
import { LRUCache } from "lru-cache"
import { Problem } from "../problem.ts"
import { type Caller, findCaller, type Scope } from "../repositories/keys.ts"

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a key must be allowed to do here; a route without one is public. */
    scope?: Scope
  }
  interface FastifyRequest {
    /** Who asks; null for a public route, an absent or an unknown key. */
    identified: Caller | null
    /** Who asks, on a route with a scope. */
    caller: Caller
  }
}

const MINUTE_MS = 60_000
const NETWORKS_MAX = 10_000

/**
 * Identifies the caller first, so that rates can be limited by key, and refuses before a body is read. A network that sent `unknownMax`
 * unknown keys within a minute is not looked up for the rest of it.
 */
export const auth = fp(async (app: FastifyInstance, options: { unknownMax: number }) => {
  const unknownKeys = new LRUCache<string, number>({ max: NETWORKS_MAX, ttl: MINUTE_MS })
  app.decorateRequest("identified", null)
  app.decorateRequest("caller", {
    getter() {
      if (this.identified === null) throw new Error("a route without a scope has no caller")
      return this.identified
    },
  })

  app.addHook("onRequest", async (req) => {
    const secret = bearer(req.headers.authorization)
    if (secret === null || req.routeOptions.config.scope === undefined) return
    const network = normalizeIP(req.ip)
    const failures = unknownKeys.get(network) ?? 0
    if (failures >= options.unknownMax) throw tooManyUnknownKeys()
    req.identified = await findCaller(app.db, secret, new Date())
    if (req.identified === null) unknownKeys.set(network, failures + 1, { noUpdateTTL: true })
    else req.log = req.log.child({ key: req.identified.keyId, workspace: req.identified.workspaceId })
  })

  app.addHook("preParsing", async (req) => {
    const { scope } = req.routeOptions.config
    if (scope !== undefined) authorise(req.identified, scope, req.headers.authorization)
  })
})

function authorise(caller: Caller | null, scope: Scope, header: string | undefined): void {
  if (header === undefined) throw unauthorized("missing_key", "Send Authorization: Bearer qk_….")
  if (caller === null) throw unauthorized("unknown_key", "This API key is not known.")
  if (caller.isExpired) throw unauthorized("expired_key", "This API key has expired.")
  if (!caller.scopes.has(scope))
    throw new Problem(403, "missing_scope", `This needs a key with the scope ${scope}.`)
}

function bearer(header: string | undefined): string | null {
  return /^Bearer +(qk_[0-9A-Za-z]{32})$/i.exec(header ?? "")?.[1] ?? null
}

function unauthorized(code: string, detail: string): Problem {
  return new Problem(401, code, detail, { headers: { "www-authenticate": 'Bearer realm="qiao"' } })
}

function tooManyUnknownKeys(): Problem {
  const headers = { "retry-after": String(MINUTE_MS / 1_000) }
  return new Problem(429, "rate_limited", "Too many unknown API keys from this network.", { headers })
}
