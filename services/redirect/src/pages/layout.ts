import { createHash } from "node:crypto"
import type { Brand } from "@qiao/core/brand.ts"
import { type Html, html, NOTHING, raw } from "./html.ts"
import { styleOf } from "./style.ts"
import type { Language } from "./texts.ts"

/** A whole answer but for its status line: `headers` are names and values in turn, as `writeHead` takes them. */
export type Page = { status: number; headers: string[]; body: Buffer }

/** What a page may do beyond showing itself; sources of the Content-Security-Policy. */
export type Permissions = {
  forms?: string
  /** In addition to the page's own script. */
  scripts?: string
  /** Instead of the page's own style alone. */
  styles?: string
  frames?: string
  connections?: string
}

/** What is the same whenever a page is shown in one language. `style` and `script` are trusted, as is every page's code. */
export type Frame = {
  language: Language
  title: string
  style?: string
  script?: string
  permissions?: Permissions
}

export type Layout = (frame: Frame) => (status: number, main: Html) => Page

/** How the pages of a brand look; ours, without a name on it, where there is none. */
export function createLayout(brand: Brand | null): Layout {
  return ({ language, title, style: own = "", script = "", permissions = {} }) => {
    const style = styleOf(brand, own)
    const head = html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="format-detection" content="telephone=no"><title>${title}</title><style>${raw(style)}</style></head>
<body>${headerOf(brand, language)}<main>`
    const tail = html`</main>${script === "" ? NOTHING : html`<script>${raw(script)}</script>`}</body></html>
`
    const policy = policyOf(style, script, brand?.logo !== undefined, permissions)
    const headers = Object.entries({
      ...HEADERS,
      "Content-Language": language,
      "Content-Security-Policy": policy,
    }).flat()
    // Made once, which is most of the work for a page, and only for pages that are shown: a brand has dozens.
    let ends: { before: Buffer; after: Buffer } | null = null
    return (status, main) => {
      ends ??= { before: Buffer.from(head.html), after: Buffer.from(tail.html) }
      const body = Buffer.concat([ends.before, Buffer.from(main.html), ends.after])
      return { status, headers: [...headers, "Content-Length", String(body.length)], body }
    }
  }
}

const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "private, no-store",
  Vary: "Accept-Language, User-Agent",
  "X-Robots-Tag": "noindex",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
}

const LOGO_NAMES: Record<Language, string> = { "zh-CN": "标志", en: "Logo" }

function headerOf(brand: Brand | null, language: Language): Html {
  if (brand?.logo === undefined && brand?.name === undefined) return NOTHING
  const { logo, name } = brand
  const image =
    logo === undefined
      ? NOTHING
      : html`<img src="data:image/png;base64,${logo}" alt="${name === undefined ? LOGO_NAMES[language] : ""}">`
  return html`<header><div>${image}${name === undefined ? NOTHING : html`<span>${name}</span>`}</div></header>`
}

function policyOf(style: string, script: string, hasLogo: boolean, permissions: Permissions): string {
  const { forms = "'none'", scripts, styles = hashSource(style), frames, connections } = permissions
  const sources: Record<string, string | undefined> = {
    "default-src": "'none'",
    "style-src": styles,
    "script-src": script === "" ? undefined : [hashSource(script), scripts ?? []].flat().join(" "),
    "img-src": hasLogo ? "data:" : undefined,
    "frame-src": frames,
    "connect-src": connections,
    "base-uri": "'none'",
    "form-action": forms,
    "frame-ancestors": "'none'",
  }
  return Object.entries(sources)
    .flatMap(([directive, allowed]) => (allowed === undefined ? [] : `${directive} ${allowed}`))
    .join("; ")
}

function hashSource(content: string): string {
  return `'sha256-${createHash("sha256").update(content).digest("base64")}'`
}
