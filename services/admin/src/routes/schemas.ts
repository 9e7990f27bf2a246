import { text } from "@qiao/core/fields.ts"
import type { FastifyRequest } from "fastify"
import { z } from "zod"
import { Problem, problemSchema } from "../problem.ts"

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(1_000).optional(),
})

/** True or false, as a query has it. */
export const flag = z.enum(["true", "false"]).transform((value) => value === "true")

export const idParams = z.object({ id: text(1_600) })

export const pageOfSchema = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() })

const failure = {
  description: "Problem",
  content: { "application/problem+json": { schema: problemSchema } },
}

/** The problems every route can answer; routes add their own. */
export const failures = { "4xx": failure, "5xx": failure }

export const noContent = { 204: z.null().describe("Done") }

/** A list of what belongs to a workspace: the caller's own, or, for the operator, any. */
export const ownedQuery = pageQuery.extend({ workspaceId: text(100).optional().describe("For operators") })

export function ownerOf(req: FastifyRequest, workspaceId = req.caller.workspaceId): string {
  if (workspaceId === req.caller.workspaceId || req.caller.scopes.has("operator")) return workspaceId
  throw new Problem(403, "missing_scope", "Another workspace needs a key with the scope operator.")
}
