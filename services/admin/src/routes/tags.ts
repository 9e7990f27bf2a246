import { tagName } from "@qiao/core/link.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Tag } from "../db/schema.ts"
import * as tags from "../repositories/tags.ts"
import { checkIfMatch, etag, type Written, write } from "../write.ts"
import { failures, idParams, noContent, pageOfSchema, pageQuery } from "./schemas.ts"

const tagSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.number(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "Tag" })

const tagBody = z.strictObject({ name: tagName })
const response = { 200: tagSchema, ...failures }

export const tagRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post("/tags", {
    config: { scope: "links:write" },
    schema: { summary: "Create a tag", body: tagBody, response: { 201: tagSchema, ...failures } },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const tag = await tags.createTag(trx, req.caller.workspaceId, req.body.name)
        return answer(201, tag, { location: `/v1/tags/${tag.id}` })
      }),
  })

  app.get("/tags", {
    config: { scope: "links:read" },
    schema: {
      summary: "List tags",
      querystring: pageQuery,
      response: { 200: pageOfSchema(tagSchema), ...failures },
    },
    handler: async (req) => {
      const page = await tags.listTags(app.db, req.caller.workspaceId, req.query)
      return { data: page.data.map(toTag), nextCursor: page.nextCursor }
    },
  })

  app.get("/tags/:id", {
    config: { scope: "links:read" },
    schema: { summary: "Get a tag", params: idParams, response },
    handler: async (req, reply) => {
      const tag = await tags.findTag(app.db, req.caller.workspaceId, req.params.id)
      return reply.header("etag", etag(tag.version)).send(toTag(tag))
    },
  })

  app.patch("/tags/:id", {
    config: { scope: "links:write" },
    schema: { summary: "Rename a tag", params: idParams, body: tagBody, response },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const tag = await tags.lockTag(trx, req.caller.workspaceId, req.params.id)
        checkIfMatch(req, tag.version)
        return answer(200, await tags.renameTag(trx, tag, req.body.name))
      }),
  })

  app.delete("/tags/:id", {
    config: { scope: "links:write" },
    schema: {
      summary: "Delete a tag",
      description: "Its links stay and lose the tag. What was counted by the tag goes with it.",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const tag = await tags.lockTag(trx, req.caller.workspaceId, req.params.id)
        checkIfMatch(req, tag.version)
        await tags.deleteTag(trx, tag, req.caller.keyId)
        return { status: 204, body: null }
      }),
  })
}

function answer(status: number, tag: Tag, headers: Record<string, string> = {}): Written {
  return { status, body: toTag(tag), headers: { etag: etag(tag.version), ...headers } }
}

function toTag({ id, name, version, createdAt, updatedAt }: Tag): z.output<typeof tagSchema> {
  return { id, name, version, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() }
}
