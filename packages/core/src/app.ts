import { z } from "zod"
import type { Visit } from "./condition.ts"
import { targetUrl, text } from "./fields.ts"

const APP_URL_LENGTH_MAX = 1_000

/**
 * An address of an app's own scheme, such as `myapp://item/1`. Which schemes an instance allows is not known here; those that run code
 * or read files never are one.
 */
const schemeUrl = z.string().superRefine((value, ctx) => {
  if (
    value.length <= APP_URL_LENGTH_MAX &&
    /^[a-z][a-z0-9+.-]*:\/\/[\x21-\x7e]*$/.test(value) &&
    !/["'<>`\\]/.test(value)
  ) {
    if (!FORBIDDEN_SCHEMES.has(schemeOf(value))) return
  }
  const message = "must be an address such as myapp://item/1, in ASCII, with a lower-case scheme of an app"
  ctx.addIssue({ code: "custom", message, params: { code: "bad_scheme_url" } })
})

const FORBIDDEN_SCHEMES: ReadonlySet<string> = new Set([
  ...["http", "https", "ws", "wss", "ftp", "file", "data", "javascript", "vbscript", "blob"],
  ...["about", "chrome", "content", "filesystem", "intent", "view-source"],
])

export const schemeOf = (url: string): string => url.slice(0, url.indexOf(":"))

/** Bounded, as a page holds several. */
const appUrl = targetUrl.refine((url) => url.length <= APP_URL_LENGTH_MAX, {
  error: `must be at most ${APP_URL_LENGTH_MAX} characters once encoded`,
  params: { code: "url_too_long" },
})

const PACKAGE = /^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/

const appleApp = z.strictObject({
  universalLink: appUrl.optional(),
  scheme: schemeUrl.optional(),
  store: appUrl.optional(),
})

const androidApp = z.strictObject({
  appLink: appUrl.optional(),
  scheme: schemeUrl.optional(),
  package: z.string().max(200).regex(PACKAGE, "must be a package name such as com.example.app").optional(),
  store: appUrl.optional(),
})

/** An app by system; `web` (else the link's url) is where its page offers to go on, and where every other system is sent. */
export const appAction = z
  .strictObject({
    ios: appleApp.optional(),
    android: androidApp.optional(),
    harmonyos: androidApp.omit({ package: true }).optional(),
    web: appUrl.optional(),
  })
  .superRefine(({ web: _, ...systems }, ctx) => {
    for (const [system, app] of Object.entries(systems)) {
      if (app === undefined || linkOf(app) !== undefined || app.scheme !== undefined) continue
      const message = "must have a link or a scheme that opens the app"
      ctx.addIssue({ code: "custom", path: [system], message, params: { code: "required" } })
    }
    if (Object.keys(systems).length > 0) return
    const message = "must name at least one of ios, android, harmonyos"
    ctx.addIssue({ code: "custom", message, params: { code: "required" } })
  })
export type AppAction = z.output<typeof appAction>

/** A WeChat mini program; `path` as its own pages name it, without a leading slash. */
export const miniProgramAction = z.strictObject({
  appId: z.string().regex(/^wx[0-9a-f]{16}$/, "must be an appid such as wx0123456789abcdef"),
  path: z
    .string()
    .max(500)
    .regex(/^[\w-]+(\/[\w-]+)*$/, "must be a page such as pages/index/index")
    .optional(),
  query: z
    .string()
    .max(500)
    .regex(/^[\w.~%&=+-]*$/, "must be a query such as a=1&b=2, percent-encoded")
    .optional(),
  /** What its page calls it, and what one who must look for it in WeChat searches for. */
  name: text(40),
  web: appUrl.optional(),
})
export type MiniProgramAction = z.output<typeof miniProgramAction>

/** What the page of an app offers, behind a tap each: `open` may have a custom scheme, the others are http(s). */
export type AppTarget = { open: string; store: string | null; web: string }

/**
 * What the page of a mini program offers. `isInside` says that the visitor is in WeChat, where only the open tag opens it; elsewhere
 * `open`, a `weixin:` address, does.
 */
export type MiniProgramTarget = {
  appId: string
  path: string
  query: string
  name: string
  open: string
  web: string
  isInside: boolean
}

/** What this visitor's system makes of the app; null where it has none. */
export function appTargetOf(app: AppAction, linkUrl: string, { os, platform }: Visit): AppTarget | null {
  const web = app.web ?? linkUrl
  if (os === "ios" && app.ios !== undefined) return targetOf(app.ios, web)
  if (os === "harmonyos" && app.harmonyos !== undefined) return targetOf(app.harmonyos, web)
  if ((os !== "android" && os !== "harmonyos") || app.android === undefined) return null
  const target = targetOf(app.android, web)
  const { appLink, package: packageName } = app.android
  // In-app web views know no intents, and ignore their fallback.
  if (appLink !== undefined || packageName === undefined || platform !== "browser") return target
  return { ...target, open: intentOf(target.open, packageName, target.store ?? web) }
}

type SystemApp = { universalLink?: string; appLink?: string; scheme?: string; store?: string }

function linkOf(app: SystemApp): string | undefined {
  return app.universalLink ?? app.appLink
}

/** An https address first: it needs no scheme that another app may have taken, and leads to the web where the app is not there. */
function targetOf(app: SystemApp, web: string): AppTarget {
  return { open: linkOf(app) ?? app.scheme ?? web, store: app.store ?? null, web }
}

/** https://developer.chrome.com/docs/android/intents */
function intentOf(url: string, packageName: string, fallback: string): string {
  const scheme = schemeOf(url)
  const rest = url.slice(scheme.length + 3).replaceAll("#", "%23")
  return `intent://${rest}#Intent;scheme=${scheme};package=${packageName};S.browser_fallback_url=${encodeURIComponent(fallback)};end`
}

const WECHAT: ReadonlySet<string> = new Set(["wechat", "wecom", "wechat-devtools"])
const PHONES: ReadonlySet<string> = new Set(["ios", "android", "harmonyos"])

/** What this visitor can make of a mini program; null where WeChat is not to be expected: on no phone, and not in WeChat. */
export function miniProgramTargetOf(
  action: MiniProgramAction,
  linkUrl: string,
  { os, platform }: Visit,
): MiniProgramTarget | null {
  const isInside = WECHAT.has(platform)
  if (!isInside && !PHONES.has(os)) return null
  const { appId, path = "", query = "", name, web = linkUrl } = action
  const open = `weixin://dl/business/?appid=${appId}&path=${encodeURIComponent(path)}&query=${encodeURIComponent(query)}`
  return { appId, path, query, name, open, web, isInside }
}
