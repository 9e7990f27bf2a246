import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import type { Domain } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { mergePlatformStatuses } from "../links/platform-status.ts"
import { invalid, Problem } from "../problem.ts"
import * as domains from "../repositories/domains.ts"
import { reachOf } from "../repositories/keys.ts"
import { findWorkspace } from "../repositories/workspaces.ts"
import { checkUrls, type Placed } from "../safety/safe-urls.ts"
import { checkIfMatch, etag, type Written, write } from "../write.ts"
import { domainCreate, domainPatch, domainSchema, toDomain } from "./domain-schemas.ts"
import { failures, idParams, noContent, ownedQuery, ownerOf, pageOfSchema } from "./schemas.ts"

const response = { 200: domainSchema, ...failures }

export const domainRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post("/domains", {
    config: { scope: "operator" },
    schema: {
      summary: "Assign a domain to a workspace",
      description:
        "Hosts are unique over the instance, so the operator assigns them. Without `workspaceId`: to the key's own.",
      body: domainCreate,
      response: { 201: domainSchema, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const { workspaceId = req.caller.workspaceId, ...given } = req.body
        const { host, aliases = [], origin = `https://${host}`, platformStatus = {} } = given
        checkAliases(host, aliases)
        await findWorkspace(trx, workspaceId)
        const { domain, publications } = await domains.createDomain(trx, newId("dom"), {
          ...given,
          ...{ workspaceId, aliases, origin },
          platformStatus: mergePlatformStatuses({}, platformStatus, new Date()),
        })
        await checkUrls(req, trx, newUrls(domain, {}))
        const headers = { location: `/v1/domains/${domain.id}` }
        return { ...answer(201, domain, headers), publications }
      }),
  })

  app.get("/domains", {
    config: { scope: "links:read" },
    schema: {
      summary: "List domains",
      querystring: ownedQuery,
      response: { 200: pageOfSchema(domainSchema), ...failures },
    },
    handler: async (req) => {
      const page = await domains.listDomains(app.db, ownerOf(req, req.query.workspaceId), req.query)
      return { data: page.data.map(toDomain), nextCursor: page.nextCursor }
    },
  })

  app.get("/domains/:id", {
    config: { scope: "links:read" },
    schema: { summary: "Get a domain", params: idParams, response },
    handler: async (req, reply) => {
      const domain = await domains.findDomain(app.db, reachOf(req.caller), req.params.id)
      return reply.header("etag", etag(domain.version)).send(toDomain(domain))
    },
  })

  app.patch("/domains/:id", {
    config: { scope: "admin" },
    schema: {
      summary: "Change a domain",
      description: "Its host never changes. Aliases are new hosts, so only the operator changes them.",
      params: idParams,
      body: domainPatch,
      response,
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const before = await domains.lockDomain(trx, reachOf(req.caller), req.params.id)
        checkIfMatch(req, before.version)
        if (req.body.aliases !== undefined) {
          if (!req.caller.scopes.has("operator")) {
            throw new Problem(403, "missing_scope", "Changing aliases needs a key with the scope operator.")
          }
          checkAliases(before.host, req.body.aliases)
        }
        const { platformStatus = {}, ...patch } = req.body
        const { domain, publications } = await domains.updateDomain(trx, before, {
          ...patch,
          platformStatus: mergePlatformStatuses(before.platformStatus, platformStatus, new Date()),
        })
        await checkUrls(req, trx, newUrls(domain, before))
        return { ...answer(200, domain), publications }
      }),
  })

  app.delete("/domains/:id", {
    config: { scope: "operator" },
    schema: {
      summary: "Delete a domain that never had a link",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const domain = await domains.lockDomain(trx, reachOf(req.caller), req.params.id)
        checkIfMatch(req, domain.version)
        return { status: 204, body: null, publications: await domains.deleteDomain(trx, domain) }
      }),
  })
}

/** Where visitors are sent who were not before. */
function newUrls(domain: Domain, before: Partial<Domain>): Placed[] {
  return (["rootUrl", "notFoundUrl", "expiredUrl"] as const).flatMap((name) => {
    const url = domain[name]
    return url === null || url === before[name] ? [] : [{ pointer: `/${name}`, url }]
  })
}

function checkAliases(host: string, aliases: string[]): void {
  const index = aliases.indexOf(host)
  if (index === -1) return
  throw invalid([{ pointer: `/aliases/${index}`, code: "same_as_host", detail: "is the domain's own host" }])
}

function answer(status: number, domain: Domain, headers: Record<string, string> = {}): Written {
  return { status, body: toDomain(domain), headers: { etag: etag(domain.version), ...headers } }
}
