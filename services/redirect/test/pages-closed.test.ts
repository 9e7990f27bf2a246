import { createHash } from "node:crypto"
import t from "tap"
import type { Page } from "../src/pages/layout.ts"
import { createPages } from "../src/pages/pages.ts"
import { LANGUAGES } from "../src/pages/texts.ts"
import { BRANDS, SAMPLES, WORDS } from "./support/sample-pages.ts"

const EVERY_PAGE = Object.entries(BRANDS).flatMap(([brandName, brand]) => {
  const pages = createPages(brand)
  return LANGUAGES.flatMap((language) =>
    Object.entries(SAMPLES).map(([name, make]) => ({
      ...{ brand, name, language, page: make(pages, language, WORDS) },
      title: `${name}, ${language}, brand ${brandName}`,
    })),
  )
})

const header = ({ headers }: Page, name: string) => headers[headers.indexOf(name) + 1] ?? ""

function policyOf(page: Page): Record<string, string> {
  const directives = header(page, "Content-Security-Policy").split("; ")
  return Object.fromEntries(directives.map((directive) => directive.split(/ (.*)/s, 2)))
}

const hash = (text = "") => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

t.test("every page is small, in its language, kept by nobody and found by no search", async (t) => {
  for (const { page, title, language } of EVERY_PAGE) {
    t.ok(page.body.length < 12_000, `${title}: ${page.body.length} bytes`)
    t.match(page.body.toString(), `<html lang="${language}">`, title)
    t.equal(header(page, "Content-Length"), String(page.body.length), title)
    t.equal(header(page, "Content-Language"), language, title)
    t.equal(header(page, "X-Robots-Tag"), "noindex", title)
    t.equal(header(page, "Cache-Control"), "private, no-store", title)
    t.equal(header(page, "X-Content-Type-Options"), "nosniff", title)
    t.equal(header(page, "Referrer-Policy"), "no-referrer", title)
    t.equal(header(page, "Vary"), "Accept-Language, User-Agent", title)
  }
})

t.test("every page is closed to everything but its own style, script, logo and form", async (t) => {
  for (const { page, title, name, brand } of EVERY_PAGE) {
    if (name === "mini program: open tag") continue
    const html = page.body.toString()
    const script = /<script>(.*)<\/script>/s.exec(html)?.[1]
    const isForm = html.includes("<form")
    const expected: Record<string, string | undefined> = {
      "default-src": "'none'",
      "style-src": hash(/<style>(.*)<\/style>/s.exec(html)?.[1]),
      "script-src": script === undefined ? undefined : hash(script),
      "img-src": brand?.logo === undefined ? undefined : "data:",
      "base-uri": "'none'",
      "form-action": !isForm ? "'none'" : name.startsWith("password") ? "http: https:" : "'self'",
      "frame-ancestors": "'none'",
    }
    t.same(policyOf(page), JSON.parse(JSON.stringify(expected)), title)
  }
})

t.test(
  "no page loads anything, jumps by itself, holds back the way back or runs code from an attribute",
  async (t) => {
    for (const { page, title, name } of EVERY_PAGE) {
      const html = page.body.toString()
      t.notMatch(html, /undefined|\[object|<link|<iframe|@import|url\(| style=| on[a-z]+="/, title)
      t.notMatch(html.replace(/<img src="data:[^"]*"/, ""), / src=/, title)
      t.notMatch(
        html,
        /location\s*=|location\.(?:replace|assign|href\s*=)|http-equiv|pushState|beforeunload|popstate/,
        title,
      )
      if (!name.startsWith("guide")) t.notMatch(html, "history.", title)
    }
  },
)

t.test("scripts are such as web views of ten years ago understand", async (t) => {
  for (const { page, title } of EVERY_PAGE) {
    const script = /<script>(.*)<\/script>/s.exec(page.body.toString())?.[1] ?? ""
    t.notMatch(script, /=>|`|\b(?:let|const|class|async|fetch|URL)\b|\?\.|\?\?|\.\.\./, title)
  }
})

t.test("only the page of the open tag lets WeChat in, and only the given signer besides", async (t) => {
  const pages = createPages()
  const policy = (signatureUrl: string) =>
    policyOf(pages.miniProgram({ language: "en", target: WORDS.miniProgram, signatureUrl }))
  const html = pages.miniProgram({
    language: "en",
    target: WORDS.miniProgram,
    signatureUrl: WORDS.signatureUrl,
  })
  const script = /<script>(.*)<\/script>/s.exec(html.body.toString())?.[1]
  t.same(policy("https://sign.example.com:8443/wechat"), {
    "default-src": "'none'",
    "style-src": "'unsafe-inline'",
    "script-src": `${hash(script)} https://res.wx.qq.com 'unsafe-eval'`,
    "frame-src": "https://*.qq.com webcompt:",
    "connect-src": "https://sign.example.com:8443",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  })
  for (const bad of [
    "https://a.example;sandbox/",
    "https://a,b.example/",
    "javascript:alert(1)",
    "sign",
    "",
  ]) {
    t.equal(policy(bad)["connect-src"], undefined, `${bad} opens nothing`)
  }
})

t.test("a page is small with the longest addresses that are legal, too", async (t) => {
  const pages = createPages(BRANDS.full)
  const long = (start: string, lengthMax: number) => start.padEnd(lengthMax, "a=1&")
  const code = encodeURIComponent("春".repeat(128))
  const appUrl = long("https://shop.example.com/?", 1_000)
  const { miniProgram } = WORDS
  const words = {
    ...WORDS,
    shortUrl: `https://s.example.com/${code}`,
    action: `/${code}`,
    url: long("https://shop.example.com/?", 4_096),
    signatureUrl: long("https://sign.example.com/?", 1_000),
    app: { open: appUrl, store: appUrl, web: appUrl },
    miniProgram: { ...miniProgram, path: "p".repeat(500), query: long("", 500), web: appUrl },
  }
  for (const language of LANGUAGES) {
    for (const [name, make] of Object.entries(SAMPLES)) {
      // The addresses that these carry cannot be cut.
      const sizeMaxBytes = /^(?:app|mini program)/.test(name) ? 15_000 : 12_000
      const { body } = make(pages, language, words)
      t.ok(body.length < sizeMaxBytes, `${name}, ${language}: ${body.length} bytes`)
    }
  }
})
