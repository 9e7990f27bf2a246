import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Erasure } from "../db/schema.ts"
import { reachOf } from "../repositories/keys.ts"
import { linkScope } from "../repositories/stats/scopes.ts"
import { findErasure, requestLinkErasure } from "../repositories/upkeep/erasures.ts"
import { type Written, write } from "../write.ts"
import { linkRef } from "./link-ref.ts"
import { failures, idParams } from "./schemas.ts"

export const erasureSchema = z
  .object({
    id: z.string(),
    kind: z.enum(["link", "tag", "workspace"]),
    subjectId: z.string().describe("The link whose clicks, the tag whose counts, or the workspace that goes"),
    requestedAt: z.string(),
    finishedAt: z.string().nullable().describe("Null while it is going on"),
  })
  .meta({ id: "Erasure" })

export const erasureRoutes: FastifyPluginAsyncZod = async (app) => {
  app.delete("/links/:id/clicks", {
    config: { scope: "links:write" },
    schema: {
      summary: "Erase a link's clicks",
      description:
        "Of a link, or, by its id, of a deleted one: all visits until `finishedAt`, which comes within seconds, or minutes where there are millions. Counts of its tags, its domain and the workspace stay; they do not name the link any more.",
      params: idParams,
      response: { 202: erasureSchema, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const { workspaceId, keyId } = req.caller
        const { id: subjectId } = await linkScope(trx, workspaceId, linkRef(req.params.id))
        return accepted(await requestLinkErasure(trx, { subjectId, workspaceId, requestedBy: keyId }))
      }),
  })

  app.get("/erasures/:id", {
    config: { scope: "links:read" },
    schema: {
      summary: "Get an erasure",
      description: "Kept for a year.",
      params: idParams,
      response: { 200: erasureSchema, ...failures },
    },
    handler: async (req) => toErasure(await findErasure(app.db, reachOf(req.caller), req.params.id)),
  })
}

/** It is done in the background. */
export function accepted(erasure: Erasure): Written {
  return { status: 202, body: toErasure(erasure), headers: { location: `/v1/erasures/${erasure.id}` } }
}

function toErasure({
  id,
  kind,
  subjectId,
  requestedAt,
  finishedAt,
}: Erasure): z.output<typeof erasureSchema> {
  return {
    ...{ id, kind, subjectId },
    requestedAt: requestedAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
  }
}
