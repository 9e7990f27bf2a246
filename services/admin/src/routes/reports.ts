import { text } from "@qiao/core/fields.ts"
import type { FastifyRequest } from "fastify"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Db } from "../db/connect.ts"
import type { Report } from "../db/schema.ts"
import { reachOf } from "../repositories/keys.ts"
import { workspaceOfLink } from "../repositories/link-owner.ts"
import { findLink } from "../repositories/links.ts"
import { listReports } from "../repositories/reports.ts"
import { linkRef } from "./link-ref.ts"
import { failures, ownedQuery, ownerOf, pageOfSchema } from "./schemas.ts"

const reportQuery = ownedQuery.extend({
  link: text(1_600).optional().describe("A deleted link is named by its id"),
  reason: text(50).optional(),
})

const reportSchema = z
  .object({
    id: z.string(),
    link: z.string().describe("A link's id"),
    workspaceId: z.string().nullable(),
    domain: z.string(),
    code: z.string(),
    reason: z.string(),
    details: z.string(),
    language: z.string(),
    network: z.string().nullable().describe("Where the report came from; for operators, else null"),
    reportedAt: z.string(),
    createdAt: z.string(),
  })
  .meta({ id: "Report" })

export const reportRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get("/reports", {
    config: { scope: "links:read" },
    schema: {
      summary: "List what visitors reported, newest first",
      description: "The operator sees the reports of every workspace, others those of their own.",
      querystring: reportQuery,
      response: { 200: pageOfSchema(reportSchema), ...failures },
    },
    handler: async (req) => {
      const { link, reason, workspaceId } = req.query
      const isOperator = req.caller.scopes.has("operator")
      const reach = workspaceId === undefined ? reachOf(req.caller) : ownerOf(req, workspaceId)
      const linkId = link === undefined ? undefined : await idOf(app.db, req, link)
      const page = await listReports(app.db, reach, { linkId, reason }, req.query)
      return { data: page.data.map((report) => toReport(report, isOperator)), nextCursor: page.nextCursor }
    },
  })
}

async function idOf(db: Db, { caller }: FastifyRequest, link: string): Promise<string> {
  const ref = linkRef(link)
  return ref.by === "id" ? ref.id : (await findLink(db, await workspaceOfLink(db, caller, ref), ref)).id
}

/** Who reported is nobody's business but the operator's. */
function toReport(report: Report, isOperator: boolean): z.output<typeof reportSchema> {
  const { id, linkId, workspaceId, host, code, reason, details, language, network } = report
  return {
    ...{ id, link: linkId, workspaceId, domain: host, code, reason, details, language },
    network: isOperator ? network : null,
    reportedAt: report.reportedAt.toISOString(),
    createdAt: report.createdAt.toISOString(),
  }
}
