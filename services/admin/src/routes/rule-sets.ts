import { text } from "@qiao/core/fields.ts"
import { fieldProblem } from "@qiao/core/link.ts"
import { rules } from "@qiao/core/rule.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Trx } from "../db/connect.ts"
import { settingsWarnings } from "../links/warnings.ts"
import type { Publication } from "../repositories/publications.ts"
import * as ruleSets from "../repositories/rule-sets.ts"
import { checkedRules } from "../settings.ts"
import { checkIfMatch, etag, type Written, write } from "../write.ts"
import { failures, idParams, noContent, pageOfSchema, pageQuery } from "./schemas.ts"

const ruleSetBody = z.strictObject({ name: text(100), rules })

const ruleSetSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    rules: z.array(z.record(z.string(), z.unknown())).describe("As they were given"),
    warnings: z.array(fieldProblem).describe("Rules that can never decide, hosts that look like others"),
    links: z
      .number()
      .describe(`How many links use it; ${ruleSets.LINKS_COUNTED_MAX} stands for more as well`),
    version: z.number(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "RuleSet" })

const response = { 200: ruleSetSchema, ...failures }

/** Rules that many links share: they are tried after a link's own. */
export const ruleSetRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post("/rule-sets", {
    config: { scope: "links:write" },
    schema: {
      summary: "Create a rule set",
      description: "Links that name it as `ruleSetId` try its rules after their own.",
      body: ruleSetBody,
      response: { 201: ruleSetSchema, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const { name } = req.body
        const values = { name, rules: await checkedRules(req, trx, req.body.rules, null) }
        const { id, publication } = await ruleSets.createRuleSet(trx, req.caller.workspaceId, values)
        const created = await answer(trx, req.caller.workspaceId, id, publication)
        const headers = { ...created.headers, location: `/v1/rule-sets/${id}` }
        return { ...created, status: 201, headers }
      }),
  })

  app.get("/rule-sets", {
    config: { scope: "links:read" },
    schema: {
      summary: "List rule sets",
      querystring: pageQuery,
      response: { 200: pageOfSchema(ruleSetSchema), ...failures },
    },
    handler: async (req) => {
      const page = await ruleSets.listRuleSets(app.db, req.caller.workspaceId, req.query)
      return { data: page.data.map(toRuleSet), nextCursor: page.nextCursor }
    },
  })

  app.get("/rule-sets/:id", {
    config: { scope: "links:read" },
    schema: { summary: "Get a rule set", params: idParams, response },
    handler: async (req, reply) => {
      const ruleSet = await ruleSets.findRuleSet(app.db, req.caller.workspaceId, req.params.id)
      return reply.header("etag", etag(ruleSet.version)).send(toRuleSet(ruleSet))
    },
  })

  app.patch("/rule-sets/:id", {
    config: { scope: "links:write" },
    schema: {
      summary: "Change a rule set",
      description: "All links that use it follow at once.",
      params: idParams,
      body: ruleSetBody.partial(),
      response,
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const before = await ruleSets.lockRuleSet(trx, req.caller.workspaceId, req.params.id)
        checkIfMatch(req, before.version)
        const { name = before.name, rules = before.rules } = req.body
        const values = { name, rules: await checkedRules(req, trx, rules, before.rules) }
        const publication = await ruleSets.updateRuleSet(trx, before, values)
        return answer(trx, before.workspaceId, before.id, publication)
      }),
  })

  app.delete("/rule-sets/:id", {
    config: { scope: "links:write" },
    schema: {
      summary: "Delete a rule set that no link uses",
      params: idParams,
      response: { ...noContent, ...failures },
    },
    handler: (req, reply) =>
      write(req, reply, async (trx) => {
        const ruleSet = await ruleSets.lockRuleSet(trx, req.caller.workspaceId, req.params.id)
        checkIfMatch(req, ruleSet.version)
        return { status: 204, body: null, publications: [await ruleSets.deleteRuleSet(trx, ruleSet)] }
      }),
  })
}

async function answer(trx: Trx, workspaceId: string, id: string, publication: Publication): Promise<Written> {
  const ruleSet = await ruleSets.findRuleSet(trx, workspaceId, id)
  const headers = { etag: etag(ruleSet.version) }
  return { status: 200, body: toRuleSet(ruleSet), headers, publications: [publication] }
}

function toRuleSet(ruleSet: ruleSets.RuleSetRow): z.output<typeof ruleSetSchema> {
  const { id, name, rules, links, version, createdAt, updatedAt } = ruleSet
  return {
    id,
    name,
    rules,
    warnings: settingsWarnings({ rules }),
    links,
    version,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
