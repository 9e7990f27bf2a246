import { z } from "zod"
import { appAction, miniProgramAction } from "./app.ts"
import { CHINA_REGIONS } from "./china-regions.ts"
import { host, plain, targetUrl, text, time, timeZone } from "./fields.ts"
import { isNetwork } from "./network.ts"
import { PLATFORMS } from "./platform.ts"
import { BROWSERS, DEVICES, OS } from "./visitor.ts"

export const RULES_MAX = 50
export const VALUES_MAX = 100

const refuse = (code: string, message: string) => ({ error: message, params: { code } })

const anyOf = <T extends z.ZodType>(value: T) => z.array(value).min(1).max(VALUES_MAX)

/** A language, which covers its regions (`zh`), or a language of a region (`zh-CN`), in the case of BCP 47. */
const language = z
  .string()
  .refine(
    (value) => /^[a-z]{2,3}(-([A-Z]{2}|\d{3}))?$/.test(value),
    refuse("bad_language", "must be a tag such as zh or zh-CN"),
  )

const network = z.string().refine(isNetwork, refuse("bad_network", "must be an address or a CIDR network"))

/** A time that is kept as JSON: UTC with milliseconds. */
const moment = time.transform((date) => date.toISOString())

/** ISO 3166-1 alpha-2; what is no country's own code (`UK`) would never hold. */
const country = z
  .string()
  .refine(
    (value) => /^[A-Z]{2}$/.test(value) && new Intl.Locale(`und-${value}`).region === value,
    refuse("bad_country", "must be a country code such as CN"),
  )

/** ISO 3166-2. */
const region = z
  .string()
  .refine(
    (value) => /^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(value) && (!value.startsWith("CN-") || value in CHINA_REGIONS),
    refuse("bad_region", "must be a region code such as CN-GD"),
  )

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const
export type Weekday = (typeof WEEKDAYS)[number]

const clock = z
  .string()
  .refine(
    (value) => /^([01]\d|2[0-3]):[0-5]\d$|^24:00$/.test(value),
    refuse("bad_time", "must be a time from 00:00 to 24:00, such as 08:30"),
  )

/** From the first minute on, until before the second; `22:00` to `06:00` goes across midnight. */
const hours = z.strictObject({ from: clock, to: clock })

const conditions = z.strictObject({
  platform: anyOf(z.enum(PLATFORMS)).optional(),
  os: anyOf(z.enum(OS)).optional(),
  device: anyOf(z.enum(DEVICES)).optional(),
  browser: anyOf(z.enum(BROWSERS)).optional(),
  language: anyOf(language).optional(),
  country: anyOf(country).optional(),
  region: anyOf(region).optional(),
  ip: anyOf(network).optional(),
  /** A parameter of the visitor's query; without a value its presence is enough. */
  query: anyOf(z.strictObject({ name: text(100), value: plain(500).optional() })).optional(),
  /** The referring host or a subdomain of it. */
  referrer: anyOf(host).optional(),
  after: moment.optional(),
  before: moment.optional(),
  weekday: anyOf(z.enum(WEEKDAYS)).optional(),
  hours: anyOf(hours).optional(),
})
export type Conditions = z.output<typeof conditions>
export type ConditionName = keyof Conditions

export const CONDITION_NAMES = Object.keys(conditions.shape) as ConditionName[]

/** All conditions must hold, and none of those in `not`. An empty one holds always. */
const when = conditions
  .extend({
    not: conditions.optional(),
    /** For `weekday` and `hours`. */
    timeZone: timeZone.optional(),
  })
  .superRefine((value, ctx) => {
    const needsZone = [value, value.not].some((set) => set?.weekday !== undefined || set?.hours !== undefined)
    if (needsZone && value.timeZone === undefined) {
      const message = "is needed for weekday and hours"
      ctx.addIssue({ code: "custom", path: ["timeZone"], message, params: { code: "required" } })
    }
  })
export type When = z.output<typeof when>

const side = z.strictObject({ url: targetUrl, weight: z.int().min(1).max(10_000), name: text(50).optional() })

/** Exactly one of these; one object rather than a union, so that an error points to the field that is wrong. */
const action = z
  .strictObject({
    redirect: targetUrl.optional(),
    guide: z.literal(true).optional(),
    deny: z.literal(true).optional(),
    /** Weights need not sum to anything; the same visitor stays on the same side. */
    split: z.array(side).min(2).max(20).optional(),
    app: appAction.optional(),
    miniProgram: miniProgramAction.optional(),
  })
  .refine((value) => Object.keys(value).length === 1, refuse("one_action", "must have exactly one action"))
export type Action = z.output<typeof action>

/** `name` is what statistics and `explain` call it. */
export const rule = z.strictObject({ name: text(100).optional(), when, then: action })
export type Rule = z.output<typeof rule>

export const rules = z.array(rule).max(RULES_MAX)
