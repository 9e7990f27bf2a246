import { z } from "zod"
import { codeFault } from "./code.ts"
import { host, targetUrl, text, time } from "./fields.ts"
import { PLATFORMS } from "./platform.ts"
import { rules } from "./rule.ts"

const CODE_DETAIL = {
  code_empty: "must not be empty",
  code_too_long: "must be at most 128 characters",
  code_not_nfc: "must be in Unicode normalisation form C",
  code_bad_character: "may contain letters, digits, - and _ only",
} as const

export const code = z.string().superRefine((value, ctx) => {
  const fault = codeFault(value)
  if (fault !== null) ctx.addIssue({ code: "custom", message: CODE_DETAIL[fault], params: { code: fault } })
})

const platforms = z
  .array(z.enum(PLATFORMS))
  .max(PLATFORMS.length)
  .transform((list) => [...new Set(list)])

/** In NFC, as two tags that look the same must be the same. */
export const tagName = text(50).refine((name) => name.normalize("NFC") === name, {
  error: "must be in Unicode normalisation form C",
  params: { code: "not_nfc" },
})

export const redirectStatus = z.literal([301, 302, 307, 308], { error: "must be 301, 302, 307 or 308" })

/** While Redis cannot say how many of `maxClicks` are left: `open` redirects and gives up the bound, `closed` answers 503. */
export const CAP_WHEN_UNAVAILABLE = ["open", "closed"] as const
export type CapWhenUnavailable = (typeof CAP_WHEN_UNAVAILABLE)[number]

/** What a client may set, at creation and later. */
export const linkSettings = z.strictObject({
  url: targetUrl,
  title: text(200).nullable(),
  externalId: text(128).nullable(),
  tags: z
    .array(tagName)
    .max(20)
    .transform((names) => [...new Set(names)]),
  redirectStatus,
  startsAt: time.nullable(),
  expiresAt: time.nullable(),
  expiredUrl: targetUrl.nullable(),
  maxClicks: z.int().min(1).max(1_000_000_000).nullable(),
  capWhenUnavailable: z.enum(CAP_WHEN_UNAVAILABLE),
  enabled: z.boolean(),
  forwardQuery: z.boolean(),
  forwardPath: z.boolean(),
  guidePlatforms: platforms,
  allowPlatforms: platforms.nullable(),
  rules,
  ruleSetId: text(100).nullable(),
})
export type LinkSettings = z.output<typeof linkSettings>

/** What a new link has where its creator said nothing. */
export const LINK_DEFAULTS: Omit<LinkSettings, "url"> = {
  title: null,
  externalId: null,
  tags: [],
  redirectStatus: 302,
  startsAt: null,
  expiresAt: null,
  expiredUrl: null,
  maxClicks: null,
  capWhenUnavailable: "closed",
  enabled: true,
  forwardQuery: true,
  forwardPath: false,
  guidePlatforms: [],
  allowPlatforms: null,
  rules: [],
  ruleSetId: null,
}

/** Written only: an answer says `hasPassword`. What is longer would not fit into the form that asks for it, in every script. */
const password = text(72).nullable().optional()

export const linkCreate = linkSettings.partial().required({ url: true }).extend({
  password,
  domain: host.optional(),
  code: code.optional(),
  reuse: z.boolean().optional(),
  /** Makes the link although its domain is marked as blocked on a platform. */
  force: z.boolean().optional(),
})
export type LinkCreate = z.output<typeof linkCreate>

/** Refuses any value: printed QR codes live for years, so where a link is served never changes. */
const immutable = z.unknown().superRefine((_value, ctx) => {
  ctx.addIssue({ code: "custom", message: "can never change", params: { code: "immutable" } })
})

export const linkPatch = linkSettings
  .partial()
  .extend({ password, domain: immutable.optional(), code: immutable.optional() })

/** An upsert replaces every setting; domain and code may be said again, but not changed. */
export const linkPut = linkCreate.extend({ externalId: text(128) })

export const fieldProblem = z.object({ pointer: z.string(), code: z.string(), detail: z.string() })
export type FieldProblem = z.output<typeof fieldProblem>

export const LINK_STATUSES = ["scheduled", "active", "expired", "exhausted", "disabled", "banned"] as const

/** A link as the API answers it. */
export const link = z.object({
  id: z.string(),
  domain: z.string(),
  code: z.string(),
  shortUrl: z.string(),
  url: z.string(),
  title: z.string().nullable(),
  externalId: z.string().nullable(),
  tags: z.array(z.string()),
  redirectStatus,
  startsAt: z.string().nullable(),
  expiresAt: z.string().nullable(),
  expiredUrl: z.string().nullable(),
  maxClicks: z.number().nullable(),
  capWhenUnavailable: z.enum(CAP_WHEN_UNAVAILABLE),
  hasPassword: z.boolean(),
  enabled: z.boolean(),
  forwardQuery: z.boolean(),
  forwardPath: z.boolean(),
  guidePlatforms: z.array(z.enum(PLATFORMS)),
  allowPlatforms: z.array(z.enum(PLATFORMS)).nullable(),
  rules: z.array(z.record(z.string(), z.unknown())).describe("As they were given"),
  ruleSetId: z.string().nullable(),
  warnings: z
    .array(fieldProblem)
    .describe("Rules that can never decide, hosts that look like others, a domain that a platform blocks"),
  status: z.enum(LINK_STATUSES),
  visits: z.object({ total: z.number(), automated: z.number() }),
  clicks: z.number(),
  version: z.number(),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type Link = z.output<typeof link>

/** What no single field shows: rules over several fields of a whole link. */
export function settingsProblems(settings: LinkSettings): FieldProblem[] {
  const { startsAt, expiresAt, guidePlatforms, allowPlatforms } = settings
  const problems: FieldProblem[] = []
  if (startsAt !== null && expiresAt !== null && startsAt >= expiresAt) {
    problems.push({ pointer: "/expiresAt", code: "ends_before_start", detail: "must be later than startsAt" })
  }
  if (allowPlatforms !== null && allowPlatforms.length === 0) {
    const detail = "must name a platform, or be null for everyone"
    problems.push({ pointer: "/allowPlatforms", code: "nobody_allowed", detail })
  }
  const unreachable = allowPlatforms === null ? [] : guidePlatforms.filter((p) => !allowPlatforms.includes(p))
  if (unreachable.length > 0) {
    const detail = `never reached, as allowPlatforms leaves out ${unreachable.join(", ")}`
    problems.push({ pointer: "/guidePlatforms", code: "guide_denied", detail })
  }
  return problems
}
