import { createHash } from "node:crypto"
import { PLATFORMS } from "@qiao/core/platform.ts"
import t from "tap"
import type { Page } from "../src/pages/layout.ts"
import { createPages } from "../src/pages/pages.ts"
import { FIXED_PAGES, LANGUAGES, pageLanguage, STATUS } from "../src/pages/texts.ts"

const pages = createPages()
const asked = { targetHost: "shop.example.com", shortUrl: "https://s.example.com/abc" }
const guides = LANGUAGES.flatMap((language) =>
  PLATFORMS.flatMap((platform) =>
    ["ios", "android", "windows", "harmonyos"].map((os) => pages.guide({ ...asked, language, platform, os })),
  ),
)
const fixed = LANGUAGES.flatMap((language) => FIXED_PAGES.map((name) => pages.fixed(name, language)))

const header = ({ headers }: Page, name: string) => headers[headers.indexOf(name) + 1] ?? ""
const hash = (text: string | undefined) =>
  `'sha256-${createHash("sha256")
    .update(text ?? "")
    .digest("base64")}'`

t.test(
  "every page is small, whole in itself, kept by nobody, and closed to everything but its own style and script",
  async (t) => {
    for (const page of [...guides, ...fixed]) {
      const html = page.body.toString()
      t.ok(page.body.length < 12_000, `${page.body.length} bytes`)
      t.equal(header(page, "Content-Length"), String(page.body.length))
      t.notMatch(html, /\{\{|undefined|src=|href=|@import|url\(|style=|onclick="|<form/)
      const csp = header(page, "Content-Security-Policy")
      const script = /<script>(.*)<\/script>/s.exec(html)?.[1]
      t.match(csp, "default-src 'none'")
      t.ok(csp.includes(`style-src ${hash(/<style>(.*)<\/style>/s.exec(html)?.[1])};`))
      if (script === undefined) t.notMatch(csp, "script-src")
      else t.ok(csp.includes(`script-src ${hash(script)};`))
      t.match(header(page, "X-Robots-Tag"), "noindex")
      t.match(header(page, "Cache-Control"), "no-store")
      t.equal(header(page, "X-Content-Type-Options"), "nosniff")
      t.equal(header(page, "Referrer-Policy"), "no-referrer")
      t.match(header(page, "Vary"), "Accept-Language")
    }
  },
)

t.test("each fixed page has its status in both languages", async (t) => {
  for (const name of FIXED_PAGES) {
    for (const language of LANGUAGES) {
      const page = pages.fixed(name, language)
      t.equal(page.status, STATUS[name])
      t.match(page.body.toString(), `<html lang="${language}">`)
    }
  }
})

t.test(
  "the guide says where the menu is, in the words of the app and system, and offers copying where there is none",
  async (t) => {
    const guide = (platform: (typeof PLATFORMS)[number], os: string, language: "zh-CN" | "en" = "zh-CN") =>
      pages.guide({ ...asked, language, platform, os }).body.toString()
    t.match(guide("wechat", "android"), "在浏览器打开")
    t.match(guide("wechat", "ios"), "在 Safari 中打开")
    t.match(guide("wecom", "windows"), "用默认浏览器打开")
    t.match(guide("wechat", "ios"), "微信")
    t.match(guide("qq", "android", "en"), "QQ")
    t.notMatch(guide("taobao", "ios"), "<ol>")
    for (const html of [guide("wechat", "android"), guide("alipay", "ios")]) {
      t.match(html, "https://s.example.com/abc")
      t.match(html, "shop.example.com")
      t.match(html, 'hidden data-done="已复制"')
      t.notMatch(
        html,
        /location\s*=|location\.(?:replace|assign)|http-equiv|history\.|beforeunload/,
        "nothing jumps",
      )
    }
  },
)

t.test("what comes from outside is text and nothing else", async (t) => {
  for (const evil of [
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</p><svg/onload=alert(1)>",
    "{{host}}&amp;",
  ]) {
    const page = pages.guide({
      language: "en",
      platform: "wechat",
      os: "ios",
      targetHost: evil,
      shortUrl: evil,
    })
    const html = page.body.toString()
    t.equal(html.match(/<script>/g)?.length, 1)
    const shown = [/id="address">(.*?)<\/p>/s, /class="host">(.*?)<\/strong>/s].map(
      (where) => where.exec(html)?.[1],
    )
    for (const text of shown) {
      t.notMatch(text, /[<>"']/)
      t.equal(unescaped(text ?? ""), evil)
    }
  }
  const long = pages.guide({
    ...asked,
    language: "en",
    platform: "qq",
    os: "ios",
    shortUrl: `https://s.example.com/a?${"x=<".repeat(9_000)}`,
  })
  t.ok(long.body.length < 12_000)
})

t.test("Chinese for who reads Chinese first, English for everyone else", async (t) => {
  for (const tag of ["zh", "zh-CN", "zh-TW", "ZH-hans"]) t.equal(pageLanguage(tag), "zh-CN")
  for (const tag of ["", "en", "de-CH", "zha", "x-zh"]) t.equal(pageLanguage(tag), "en")
})

function unescaped(html: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" }
  return html.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => characters[name] ?? "")
}
