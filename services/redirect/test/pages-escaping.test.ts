import { brand } from "@qiao/core/brand.ts"
import t from "tap"
import { createPages } from "../src/pages/pages.ts"
import { LANGUAGES } from "../src/pages/texts.ts"
import { BRANDS, SAMPLES, WORDS, type Words } from "./support/sample-pages.ts"

const EVIL = [
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  "</title></style></script><svg/onload=a>",
  "https://evil.example/<b>&amp;{{host}}`",
]

function hostile(evil: string): Words {
  const { app, miniProgram } = WORDS
  return {
    ...{ shortUrl: evil, targetHost: evil, url: evil, action: evil, token: evil },
    signatureUrl: `https://sign.example.com/${evil}`,
    app: { ...app, open: evil, store: evil, web: evil },
    miniProgram: { ...miniProgram, appId: evil, path: evil, query: evil, name: evil, open: evil, web: evil },
  }
}

/** What a page is made of when everything between and in its tags is taken away. */
const skeleton = (html: string) =>
  html.replace(/<(style|script)[^>]*>.*?<\/\1>/gs, "<$1>").match(/<\/?[a-z][^\s>]*|\s[a-z-]+(?==")/g)

/** The preview emphasises a host only where there is one. */
const withoutHosts = (parts: string[] | null) => parts?.filter((part) => !part.endsWith("strong"))

t.test("what comes from outside is text and nothing else, in every place of every page", async (t) => {
  const pages = createPages()
  for (const language of LANGUAGES) {
    for (const [name, make] of Object.entries(SAMPLES)) {
      const friendly = make(pages, language, WORDS).body.toString()
      for (const evil of EVIL) {
        const html = make(pages, language, hostile(evil)).body.toString()
        t.notMatch(html, evil, `${name}: ${evil} is not there as it is`)
        t.same(
          withoutHosts(skeleton(html)),
          withoutHosts(skeleton(friendly)),
          `${name}: ${evil} adds nothing`,
        )
      }
    }
  }
})

t.test("what comes from outside is shown and sent on as it came", async (t) => {
  const pages = createPages()
  for (const evil of EVIL) {
    const words = hostile(evil)
    const shown = Object.values(SAMPLES).flatMap((make) => [
      ...make(pages, "en", words)
        .body.toString()
        .matchAll(/(?:address" data-token|action)="([^"]*)"/g),
    ])
    t.ok(shown.length > 5)
    for (const [, value = ""] of shown) t.equal(unescaped(value), evil)
  }
})

t.test("what a brand brings is text too", async (t) => {
  for (const evil of EVIL) {
    const own = { title: evil, lead: evil }
    const pages = createPages(brand.parse({ name: evil, guide: { "zh-CN": own, en: own } }))
    for (const make of Object.values(SAMPLES)) {
      const html = make(pages, "en", WORDS).body.toString()
      t.notMatch(html, evil)
      t.match(unescaped(html), evil)
    }
  }
})

t.test("an address that runs code is behind no tap", async (t) => {
  const pages = createPages()
  for (const open of [
    "javascript:alert(1)",
    " JavaScript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
  ]) {
    const target = { open, store: open, web: open }
    const page = pages.app({ language: "en", platform: "browser", os: "ios", target })
    const hrefs = [...page.body.toString().matchAll(/href="([^"]*)"/g)].map(([, href]) => href)
    t.same(hrefs, ["#", "#", "#"], JSON.stringify(open))
  }
})

t.test("an address without end does not make a page without end", async (t) => {
  const long = `https://s.example.com/a?${"x='<".repeat(9_000)}`
  const pages = createPages(BRANDS.full)
  const guideOf = (shortUrl: string) =>
    pages.guide({ ...WORDS, language: "en", platform: "wecom", os: "windows", shortUrl })
  const cut = guideOf(long)
  t.match(cut.body.toString(), ">https://s.example.com/a<", "the query is left out")
  const longest = "https://s.example.com/k7Qm2xZ?from=".padEnd(200, "x")
  const whole = guideOf(longest)
  t.match(whole.body.toString(), `>${longest}<`)
  const preview = pages.preview({
    language: "en",
    shortUrl: "https://s.example.com/a",
    url: long,
    reportUrl: "/r",
  })
  t.match(preview.body.toString(), "…", "the cut is shown")
  for (const page of [cut, whole, preview]) t.ok(page.body.length < 12_000)
})

function unescaped(html: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" }
  return html.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => characters[name] ?? "")
}
