import { host, targetUrl, text, time } from "@qiao/core/fields.ts"
import { fieldProblem } from "@qiao/core/link.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import { z } from "zod"
import type { Domain } from "../db/schema.ts"
import { domainWarnings } from "../links/warnings.ts"
import { appleAppSiteAssociation, assetLinks } from "./app-associations.ts"
import { files, filesSchema, robotsTxt, toFiles } from "./domain-files.ts"

/** Scheme, host and port that short URLs begin with. */
const origin = z.string().superRefine((value, ctx) => {
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== value) {
    const message = "must be an origin such as https://s.example.com"
    ctx.addIssue({ code: "custom", message, params: { code: "bad_origin" } })
  }
})

const status = z.enum(["ok", "blocked"])
const platform = z.enum(PLATFORMS)

const settings = z.strictObject({
  aliases: z
    .array(host)
    .max(20)
    .transform((hosts) => [...new Set(hosts)]),
  origin,
  rootUrl: targetUrl.nullable(),
  notFoundUrl: targetUrl.nullable(),
  expiredUrl: targetUrl.nullable().describe("For expired and exhausted links without their own"),
  files: files.describe("Served at the root by their names, such as MP_verify_a1B2.txt; exact bytes"),
  appleAppSiteAssociation: appleAppSiteAssociation.nullable(),
  assetLinks: assetLinks.nullable(),
  robotsTxt: robotsTxt.nullable().describe("Null: everyone may fetch"),
  platformStatus: z
    .partialRecord(
      platform,
      z.strictObject({ status, note: text(500).nullable().default(null), since: time.optional() }).nullable(),
    )
    .describe("What is known of the domain inside an app. Those left out stay as they are, null removes one"),
})

export const domainPatch = settings.partial()

export const domainCreate = domainPatch.extend({
  host,
  workspaceId: text(100).optional(),
  caseSensitive: z.boolean().default(true),
})

export const domainSchema = z
  .object({
    id: z.string(),
    workspaceId: z.string(),
    host: z.string(),
    aliases: z.array(z.string()),
    origin: z.string(),
    caseSensitive: z.boolean(),
    rootUrl: z.string().nullable(),
    notFoundUrl: z.string().nullable(),
    expiredUrl: z.string().nullable(),
    files: filesSchema,
    appleAppSiteAssociation: z.record(z.string(), z.unknown()).nullable(),
    assetLinks: z.array(z.record(z.string(), z.unknown())).nullable(),
    robotsTxt: z.string().nullable(),
    platformStatus: z.partialRecord(
      platform,
      z.object({ status, note: z.string().nullable(), since: z.string() }),
    ),
    warnings: z.array(fieldProblem).describe("Platforms that block the domain"),
    version: z.number(),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: "Domain" })

export function toDomain(domain: Domain): z.output<typeof domainSchema> {
  const { appleAppSiteAssociation, assetLinks } = domain
  return {
    ...domain,
    files: toFiles(domain.files),
    appleAppSiteAssociation: appleAppSiteAssociation && JSON.parse(appleAppSiteAssociation),
    assetLinks: assetLinks && JSON.parse(assetLinks),
    warnings: domainWarnings(domain.platformStatus).map((warning) => ({
      ...warning,
      pointer: "/platformStatus",
    })),
    createdAt: domain.createdAt.toISOString(),
    updatedAt: domain.updatedAt.toISOString(),
  }
}
