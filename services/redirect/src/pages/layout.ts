import { createHash } from "node:crypto"
import type { Language } from "./texts.ts"

/** A whole answer but for its status line: `headers` are names and values in turn, as `writeHead` takes them. */
export type Page = { status: number; headers: string[]; body: Buffer }

export const STYLE = `:root{color-scheme:light dark;--ink:#1b1c1f;--soft:#5d6068;--paper:#fff;--line:#d6d8dd;--act:#0b5cad;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#eceef1;--soft:#a6abb5;--paper:#16181b;--line:#3a3e45;--act:#7db8f5;--on:#0d1b2a}}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.65 system-ui,-apple-system,"PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:30rem;margin:0 auto;padding:3rem 1.25rem}
h1{font-size:1.375rem;line-height:1.35;margin:0 0 .75rem}
ol{padding-left:1.5rem}
.soft{color:var(--soft)}
.address{border:1px solid var(--line);border-radius:.5rem;padding:.75rem;overflow-wrap:anywhere;user-select:all;-webkit-user-select:all}
.host{overflow-wrap:anywhere}
button{font:inherit;color:var(--on);background:var(--act);border:0;border-radius:.5rem;padding:.6rem 1.25rem;min-height:2.75rem}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}`

/** `main` and `script` are trusted HTML and JavaScript; whatever comes from outside is escaped before. */
export function documentOf(language: Language, title: string, main: string, script = ""): string {
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head>
<body><main>${main}</main>${script === "" ? "" : `<script>${script}</script>`}</body></html>
`
}

export function pageHeaders(language: Language, script = ""): string[] {
  const sources = [
    "default-src 'none'",
    `style-src ${hashSource(STYLE)}`,
    ...(script === "" ? [] : [`script-src ${hashSource(script)}`]),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  const headers = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Language": language,
    "Content-Security-Policy": sources.join("; "),
    "Cache-Control": "private, no-store",
    Vary: "Accept-Language, User-Agent",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
  }
  return Object.entries(headers).flat()
}

export function pageOf(status: number, headers: string[], html: string): Page {
  const body = Buffer.from(html)
  return { status, headers: [...headers, "Content-Length", String(body.length)], body }
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
}

function hashSource(content: string): string {
  return `'sha256-${createHash("sha256").update(content).digest("base64")}'`
}
