import { codeGenerator, codeLengthFor } from "@qiao/core/code.ts"
import { host, text } from "@qiao/core/fields.ts"
import { LINK_STATUSES, link, linkCreate, linkPatch, linkPut, tagName } from "@qiao/core/link.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { violationOf } from "../db/constraints.ts"
import { toLink } from "../links/link-answer.ts"
import { createLink, createOrReplaceLink, updateLink } from "../links/link-writes.ts"
import { LINK_SORTS, listLinks } from "../repositories/link-list.ts"
import * as links from "../repositories/links.ts"
import { checkIfMatch, etag, write } from "../write.ts"
import { linkRef } from "./link-ref.ts"
import { failures, idParams, noContent, pageOfSchema, pageQuery } from "./schemas.ts"

const linkQuery = pageQuery.extend({
  search: text(200).optional(),
  tag: tagName.optional(),
  domain: host.optional(),
  ruleSet: text(100).optional().describe("The id of the rule set they use"),
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
      description:
        "With `Accept: text/plain` the answer is the short URL alone. A domain that is marked as blocked on a platform gets new links only with `force`.",
      body: linkCreate,
      response: { 201: link, ...failures },
    },
    handler: async (req, reply) => {
      const passwordHash = await hashed(req.body.password)
      return write(req, reply, (trx) => createLink(trx, req, req.body, { newCode, passwordHash }))
    },
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
      return { data: page.data.map(toLink), nextCursor: page.nextCursor }
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
      return reply.header("etag", etag(row.version)).send(toLink(row))
    },
  })

  app.patch("/links/:id", {
    config: { scope: "links:write" },
    schema: { summary: "Change a link", params: idParams, body: linkPatch, response },
    handler: async (req, reply) => {
      const { password, ...patch } = req.body
      const passwordHash = await hashed(password)
      return write(req, reply, async (trx) => {
        const row = await links.lockLink(trx, req.caller.workspaceId, linkRef(req.params.id))
        checkIfMatch(req, row.version)
        return updateLink(trx, req, row, { ...links.settingsOf(row), ...patch }, passwordHash)
      })
    },
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
      const passwordHash = await hashed(req.body.password)
      const upsert = () =>
        write(req, reply, (trx) => createOrReplaceLink(trx, req, req.body, { newCode, passwordHash }))
      try {
        return await upsert()
      } catch (err) {
        // Somebody created it in between: then it is there to be replaced.
        if (violationOf(err)?.code !== "external_id_taken") throw err
        return upsert()
      }
    },
  })

  /** Before the transaction, which it would keep open. */
  async function hashed(password: string | null | undefined): Promise<links.PasswordChange> {
    return typeof password === "string" ? app.hashPassword(password) : password
  }
}
