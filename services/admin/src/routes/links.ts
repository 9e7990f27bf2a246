import { codeGenerator, codeLengthFor } from "@qiao/core/code.ts"
import { host, text } from "@qiao/core/fields.ts"
import {
  LINK_DEFAULTS,
  LINK_STATUSES,
  type LinkCreate,
  type LinkSettings,
  link,
  linkCreate,
  linkPatch,
  linkPut,
  tagName,
} from "@qiao/core/link.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import type { FastifyRequest } from "fastify"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Trx } from "../db/connect.ts"
import { violationOf } from "../db/constraints.ts"
import type { Domain } from "../db/schema.ts"
import { newId } from "../ids.ts"
import { invalid, invalidField, Problem } from "../problem.ts"
import { defaultDomain, domainOfHost, unknownDomain } from "../repositories/domains.ts"
import { LINK_SORTS, listLinks } from "../repositories/link-list.ts"
import * as links from "../repositories/links.ts"
import type { Publication } from "../repositories/publications.ts"
import { checkedSettings } from "../settings.ts"
import { checkIfMatch, etag, type Written, write } from "../write.ts"
import { linkRef } from "./link-ref.ts"
import { failures, idParams, noContent, pageOfSchema, pageQuery } from "./schemas.ts"

const linkQuery = pageQuery.extend({
  search: text(200).optional(),
  tag: tagName.optional(),
  domain: host.optional(),
  status: z.enum(LINK_STATUSES).optional(),
  platform: z.enum(PLATFORMS).optional(),
  sort: z.enum(LINK_SORTS).default("-createdAt"),
})

const response = { 200: link, ...failures }

export const linkRoutes: FastifyPluginAsyncZod<{ expectedLinks: number }> = async (app, options) => {
  const newCode = codeGenerator(codeLengthFor(options.expectedLinks))

  app.post("/links", {
    config: { scope: "links:write" },
    schema: {
      summary: "Create a link",
      description: "With `Accept: text/plain` the answer is the short URL alone.",
      body: linkCreate,
      response: { 201: link, ...failures },
    },
    handler: (req, reply) => write(req, reply, (trx) => create(trx, req, req.body)),
  })

  app.get("/links", {
    config: { scope: "links:read" },
    schema: {
      summary: "List links",
      querystring: linkQuery,
      response: { 200: pageOfSchema(link), ...failures },
    },
    handler: async (req) => {
      const { limit, cursor, sort, ...filter } = req.query
      const page = await listLinks(app.db, req.caller.workspaceId, filter, sort, { limit, cursor })
      return { data: page.data.map(links.toLink), nextCursor: page.nextCursor }
    },
  })

  app.get("/links/:id", {
    config: { scope: "links:read" },
    schema: {
      summary: "Get a link",
      description: "`id` is a link's id, `ext_<externalId>`, or `<host>/<code>` url-encoded, here and below.",
      params: idParams,
      response,
    },
    handler: async (req, reply) => {
      const row = await links.findLink(app.db, req.caller.workspaceId, linkRef(req.params.id))
      return reply.header("etag", etag(row.version)).send(links.toLink(row))
    },
  })

  app.patch("/links/:id", {
    config: { scope: "links:write" },
    schema: { summary: "Change a link", params: idParams, body: linkPatch, response },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const row = await links.lockLink(trx, req.caller.workspaceId, linkRef(req.params.id))
        checkIfMatch(req, row.version)
        return update(trx, row, { ...links.settingsOf(row), ...req.body })
      }),
  })

  app.delete("/links/:id", {
    config: { scope: "links:write" },
    schema: {
      summary: "Delete a link",
      description: "Its code answers 410 for good, until somebody takes it again with `reuse`.",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const row = await links.lockLink(trx, req.caller.workspaceId, linkRef(req.params.id))
        checkIfMatch(req, row.version)
        return { status: 204, body: null, publications: [await links.deleteLink(trx, row)] }
      }),
  })

  app.put("/links", {
    config: { scope: "links:write" },
    schema: {
      summary: "Create or replace the link with this externalId",
      description: "What the body leaves out gets its default.",
      body: linkPut,
      response: { 200: link, 201: link, ...failures },
    },
    handler: async (req, reply) => {
      const upsert = () => write(req, reply, (trx) => createOrReplace(trx, req, req.body))
      try {
        return await upsert()
      } catch (err) {
        // Somebody created it in between: then it is there to be replaced.
        if (violationOf(err)?.code !== "external_id_taken") throw err
        return upsert()
      }
    },
  })

  async function create(trx: Trx, req: FastifyRequest, body: LinkCreate): Promise<Written> {
    const { workspaceId } = req.caller
    const { domain: hostName, code, reuse = false, ...given } = body
    const settings = checkedSettings({ ...LINK_DEFAULTS, ...given })
    const domain = await findDomain(trx, workspaceId, hostName)
    const id = newId("lnk")
    const insert = (code: string) => links.insertLink(trx, workspaceId, { id, domain, code, reuse, settings })
    let claim = await insert(code ?? newCode())
    while (claim.kind !== "ok") {
      if (code !== undefined) throw links.codeTaken(code, claim.kind)
      claim = await insert(newCode())
    }
    const created = await answer(trx, workspaceId, id, 201, claim.publication)
    const shortUrlOnly = prefersText(req) && { body: `${created.body.shortUrl}\n` }
    return { ...created, ...shortUrlOnly, headers: { ...created.headers, location: `/v1/links/${id}` } }
  }

  async function createOrReplace(
    trx: Trx,
    req: FastifyRequest,
    body: z.output<typeof linkPut>,
  ): Promise<Written> {
    const row = await links.lockByExternalId(trx, req.caller.workspaceId, body.externalId)
    if (row === null) {
      if (req.headers["if-match"] !== undefined) {
        throw new Problem(412, "version_mismatch", "There is no link with this externalId.")
      }
      return create(trx, req, body)
    }
    checkIfMatch(req, row.version)
    const { domain, code, reuse: _, ...given } = body
    const isElsewhere =
      domain !== undefined && (await domainOfHost(trx, row.workspaceId, domain))?.id !== row.domainId
    const moved = [
      ...(isElsewhere ? ["/domain"] : []),
      ...(code !== undefined && code !== row.code ? ["/code"] : []),
    ]
    if (moved.length > 0) {
      throw invalid(moved.map((pointer) => ({ pointer, code: "immutable", detail: "can never change" })))
    }
    return update(trx, row, { ...LINK_DEFAULTS, ...given })
  }
}

async function update(trx: Trx, row: links.LinkRow, settings: LinkSettings): Promise<Written> {
  const publication = await links.updateLink(trx, row, checkedSettings(settings))
  return answer(trx, row.workspaceId, row.id, 200, publication)
}

async function answer(trx: Trx, workspaceId: string, id: string, status: number, publication: Publication) {
  const row = await links.findLink(trx, workspaceId, { by: "id", id })
  return {
    status,
    body: links.toLink(row),
    headers: { etag: etag(row.version) },
    publications: [publication],
  }
}

async function findDomain(trx: Trx, workspaceId: string, hostName: string | undefined): Promise<Domain> {
  if (hostName !== undefined) {
    const domain = await domainOfHost(trx, workspaceId, hostName)
    if (domain === undefined) throw unknownDomain(hostName)
    return domain
  }
  const domain = await defaultDomain(trx, workspaceId)
  if (domain === undefined) throw invalidField("/domain", "no_domain", "this workspace has no domain yet")
  return domain
}

function prefersText(req: FastifyRequest): boolean {
  return /^text\/plain\b/i.test(req.headers.accept ?? "")
}
