import { compileRule } from "@qiao/core/decide.ts"
import { time } from "@qiao/core/fields.ts"
import { fieldProblem, LINK_DEFAULTS, linkCreate, settingsProblems } from "@qiao/core/link.ts"
import type { Rule } from "@qiao/core/rule.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import type { Domain } from "../db/schema.ts"
import { type DryRunRule, dryRun } from "../links/dry-run.ts"
import { domainForLink } from "../links/link-domain.ts"
import { linkWarnings, sharedRuleWarnings } from "../links/warnings.ts"
import { invalid } from "../problem.ts"
import { domainRecordOf, linkRecordOf, type PublishedLink } from "../publishing/records.ts"
import { usedClicks } from "../publishing/used-clicks.ts"
import { activeBans } from "../repositories/bans.ts"
import { findDomain } from "../repositories/domains.ts"
import { findLink } from "../repositories/links.ts"
import { findRules } from "../repositories/rule-sets.ts"
import { addressProblems, sharedAddressProblems } from "../safety/safe-urls.ts"
import { orRefuse, unknownRuleSet } from "../settings.ts"
import { linkRef } from "./link-ref.ts"
import { failures, idParams } from "./schemas.ts"

const VISITORS_MAX = 1_000

const visitSchema = z.strictObject({
  userAgent: z.string().max(2_000).default(""),
  headers: z
    .record(z.string().max(100), z.string().max(4_000))
    .default({})
    .describe("Accept-Language, Referer and those of a prefetch have a part in it"),
  ip: z.union([z.ipv4(), z.ipv6()]).default("127.0.0.1"),
  at: time.optional().describe("Default: now"),
  query: z.string().max(4_096).default("").describe("Raw, without the question mark"),
  path: z
    .string()
    .max(4_096)
    .regex(/^(\/|$)/, "must begin with a slash, or be empty")
    .default("")
    .describe("Raw, what follows the code, with its leading slash"),
  unlocked: z.boolean().default(false).describe("Whether the visitor gave the link's password"),
})

const checkSchema = z.object({
  condition: z.string(),
  not: z.boolean(),
  wanted: z.unknown(),
  actual: z.unknown(),
  holds: z.boolean(),
})

const ruleSchema = z.object({
  number: z.number().describe("Those of the rule set are counted on after the link's own"),
  of: z.enum(["link", "rule_set"]),
  name: z.string().nullable(),
  applies: z.boolean(),
  checks: z.array(checkSchema),
} satisfies Record<keyof DryRunRule, z.ZodType>)

const explanationSchema = z
  .object({
    decision: z.object({
      kind: z.enum(["redirect", "page", "app", "mini_program"]),
      outcome: z
        .string()
        .nullable()
        .describe(
          "null where nothing is recorded: domain or address are refused, or nobody knows what is left of maxClicks",
        ),
      page: z.string().nullable(),
      rule: z.number().nullable(),
      ruleName: z.string().nullable().describe("What statistics call it"),
      variant: z.string(),
      location: z.string().nullable().describe("Where a redirect leads, with what is forwarded"),
      target: z
        .record(z.string(), z.unknown())
        .nullable()
        .describe("What the page of an app or mini program offers"),
      reserve: z.boolean().describe("Whether it uses up one of `maxClicks`"),
    }),
    visitor: z.object({
      platform: z.string(),
      os: z.string(),
      device: z.string(),
      browser: z.string(),
      language: z.string(),
      referrer: z.string(),
      country: z.string(),
      region: z.string(),
      automated: z.boolean(),
    }),
    steps: z.array(
      z.object({
        step: z.string(),
        applies: z.boolean(),
        compared: z.record(z.string(), z.unknown()),
        rules: z.array(ruleSchema).optional(),
      }),
    ),
    warnings: z.array(fieldProblem),
  })
  .meta({ id: "Explanation" })

const response = { 200: explanationSchema, ...failures }

/** A dry run: what the edge would do with a visit, and every step on the way there. Nothing is counted. */
export const explainRoutes: FastifyPluginAsyncZod = async (app) => {
  const visitorOf = createVisitors(VISITORS_MAX)

  app.post("/links/:id/explain", {
    config: { scope: "links:read" },
    schema: {
      summary: "Explain what a visit of a link would get",
      params: idParams,
      body: visitSchema,
      response,
    },
    handler: async (req) => {
      const row = await findLink(app.db, req.caller.workspaceId, linkRef(req.params.id))
      const domain = await findDomain(app.db, row.workspaceId, row.domainId)
      const shared = await sharedRulesOf(row, row.workspaceId)
      const explanation = await run(row, domain, shared, () => usedClicks(app.redis, row.id), req.body)
      return { ...explanation, warnings: warningsOf(row, domain, shared) }
    },
  })

  app.post("/rules/explain", {
    config: { scope: "links:read" },
    schema: {
      summary: "Explain what a visit of a link that is not saved would get",
      description:
        "`link` is what creates one; addresses that it must not lead to are among the warnings. Which side of a split a visitor gets depends on the link's id, so a saved link may give another.",
      body: z.strictObject({ link: linkCreate, visit: visitSchema }),
      response,
    },
    handler: async (req) => {
      const { domain: host, password = null, ...given } = req.body.link
      const settings = { ...LINK_DEFAULTS, ...given }
      orRefuse(settings, settingsProblems(settings), "/link")
      const domain = await domainForLink(app.db, req.caller.workspaceId, host, "/link")
      // Nobody tries the password: that there is one is enough.
      const unsaved = { id: "lnk_unsaved", bannedAt: null, passwordHash: password === null ? null : "" }
      const link = { ...settings, ...unsaved, passwordVersion: 0 }
      const shared = await sharedRulesOf(link, domain.workspaceId)
      const explanation = await run(link, domain, shared, async () => 0, req.body.visit)
      const problems = await addressProblems(req, app.db, settings, null)
      const sharedProblems = await sharedAddressProblems(req, app.db, shared ?? [])
      const warnings = [...warningsOf(link, domain, shared), ...problems, ...sharedProblems]
      return { ...explanation, warnings }
    },
  })

  async function run(
    link: PublishedLink,
    domain: Domain,
    sharedRules: Rule[] | null,
    usedClicks: () => Promise<number | null>,
    { at = new Date(), ...visit }: VisitInput,
  ) {
    const around = {
      domain: domainRecordOf({ ...domain, ...NO_LOOKS }),
      ruleSet: sharedRules && { rules: sharedRules.map(compileRule) },
      bans: await activeBans(app.db),
      placeOf: app.placeOf,
      visitorOf,
      usedClicks,
    }
    return dryRun(linkRecordOf(link), around, { ...visit, at })
  }

  async function sharedRulesOf({ ruleSetId }: PublishedLink, workspaceId: string): Promise<Rule[] | null> {
    if (ruleSetId === null) return null
    const rules = await findRules(app.db, workspaceId, ruleSetId)
    // One that is used cannot go away, so it is of a link that is not saved.
    if (rules === null) throw invalid([unknownRuleSet(ruleSetId, "/link")])
    return rules
  }
}

function warningsOf(link: PublishedLink, domain: Domain, sharedRules: Rule[] | null) {
  return [...linkWarnings(link, domain), ...sharedRuleWarnings(link.rules, sharedRules ?? [])]
}

type VisitInput = z.output<typeof visitSchema>

/** How a workspace's pages look has no part in a decision. */
const NO_LOOKS = { brand: null, wechatSignatureUrl: null }
