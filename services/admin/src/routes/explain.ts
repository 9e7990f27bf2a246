import { isAutomated } from "@qiao/core/automated.ts"
import type { Visit } from "@qiao/core/condition.ts"
import { type ExplainedRule, explain } from "@qiao/core/explain.ts"
import { time } from "@qiao/core/fields.ts"
import { referrerHost } from "@qiao/core/host.ts"
import { languageOf } from "@qiao/core/language.ts"
import { fieldProblem, LINK_DEFAULTS, linkSettings } from "@qiao/core/link.ts"
import { locationOf, refusalOf } from "@qiao/core/location.ts"
import type { LinkRecord } from "@qiao/core/record.ts"
import { ruleWarnings } from "@qiao/core/rule-warnings.ts"
import { createVisitors } from "@qiao/core/visitor.ts"
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod"
import { z } from "zod"
import { linkRecordOf } from "../link-record.ts"
import { findLink, settingsOf } from "../repositories/links.ts"
import { checkedSettings } from "../settings.ts"
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
  path: z.string().max(4_096).default("").describe("Raw, what follows the code, with its leading slash"),
})
type VisitInput = z.output<typeof visitSchema>

/** An address that the link does not have, or to which nothing can be forwarded, comes before every decision. */
const REFUSED = {
  kind: "page",
  outcome: null,
  rule: null,
  variant: "",
  location: null,
  reserve: false,
} as const

const checkSchema = z.object({
  condition: z.string(),
  not: z.boolean(),
  wanted: z.unknown(),
  actual: z.unknown(),
  holds: z.boolean(),
})

const explanationSchema = z
  .object({
    decision: z.object({
      kind: z.enum(["redirect", "page"]),
      outcome: z
        .string()
        .nullable()
        .describe("null when the address itself is refused, and nothing is recorded"),
      page: z.string().nullable(),
      rule: z.number().nullable(),
      variant: z.string(),
      location: z.string().nullable().describe("Where a redirect leads, with what is forwarded"),
      reserve: z.boolean().describe("Whether it uses up one of `maxClicks`"),
    }),
    visitor: z.object({
      platform: z.string(),
      os: z.string(),
      device: z.string(),
      browser: z.string(),
      language: z.string(),
      referrer: z.string(),
      automated: z.boolean(),
    }),
    steps: z.array(
      z.object({
        step: z.string(),
        applies: z.boolean(),
        compared: z.record(z.string(), z.unknown()),
        rules: z
          .array(
            z.object({
              number: z.number(),
              name: z.string().nullable(),
              applies: z.boolean(),
              checks: z.array(checkSchema),
            } satisfies Record<keyof ExplainedRule, z.ZodType>),
          )
          .optional(),
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
      const link = linkRecordOf({ ...settingsOf(row), id: row.id, isBanned: row.bannedAt !== null })
      return answer(link, req.body)
    },
  })

  app.post("/rules/explain", {
    config: { scope: "links:read" },
    schema: {
      summary: "Explain what a visit of a link that is not saved would get",
      body: z.strictObject({ link: linkSettings.partial().required({ url: true }), visit: visitSchema }),
      response,
    },
    handler: async (req) => {
      const settings = checkedSettings({ ...LINK_DEFAULTS, ...req.body.link }, "/link")
      return answer(linkRecordOf({ ...settings, id: "lnk_unsaved", isBanned: false }), req.body.visit)
    },
  })

  function answer(link: LinkRecord, input: VisitInput): z.output<typeof explanationSchema> {
    const headers = Object.fromEntries(
      Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]),
    )
    const { platform, os, device, browser } = visitorOf(input.userAgent)
    const visit: Visit = {
      nowMs: (input.at ?? new Date()).getTime(),
      platform,
      os,
      device,
      browser,
      language: languageOf(headers["accept-language"]),
      referrer: referrerHost(headers.referer ?? ""),
      query: input.query,
      ip: input.ip,
    }
    const { decision, steps } = explain(link, visit)
    const location = decision.kind === "redirect" ? locationOf(link, decision, input) : null
    const refusal =
      refusalOf(link, input) ?? (decision.kind === "redirect" && location === null ? "not_found" : null)
    return {
      decision:
        refusal === null
          ? {
              kind: decision.kind,
              outcome: decision.outcome,
              page: decision.kind === "page" ? decision.page : null,
              rule: decision.rule,
              variant: decision.variant,
              location,
              reserve: decision.kind === "redirect" && decision.reserve,
            }
          : { ...REFUSED, page: refusal },
      visitor: {
        platform,
        os,
        device,
        browser,
        language: visit.language,
        referrer: visit.referrer,
        automated: isAutomated(input.userAgent, headers),
      },
      steps,
      warnings: ruleWarnings(link.rules.map(({ rule }) => rule)),
    }
  }
}
