import { brand } from "@qiao/core/brand.ts"
import t from "tap"
import { brandColours, contrast } from "../src/pages/colours.ts"
import { createPages } from "../src/pages/pages.ts"
import { BRANDS, SAMPLES, WORDS } from "./support/sample-pages.ts"

const SCHEMES = { light: { paper: "#ffffff", ink: "#1b1d21" }, dark: { paper: "#1a1d21", ink: "#eceef1" } }

t.test("contrast is that of WCAG", async (t) => {
  t.equal(contrast("#000000", "#ffffff"), 21)
  t.equal(contrast("#ffffff", "#000000"), 21)
  t.equal(contrast("#777777", "#ffffff").toFixed(2), "4.48")
  t.equal(contrast("#0b5cad", "#0b5cad"), 1)
})

t.test("on any colour of a brand the text can be read and the button told from the page", async (t) => {
  for (let red = 0; red < 256; red += 15) {
    for (let green = 0; green < 256; green += 15) {
      for (let blue = 0; blue < 256; blue += 15) {
        const colour = `#${[red, green, blue].map((channel) => channel.toString(16).padStart(2, "0")).join("")}`
        const { act, on, mark } = brandColours(colour, SCHEMES)
        const isReadable = contrast(act, on) >= 4.5
        const standsOut = (["light", "dark"] as const).every(
          (scheme) => contrast(mark[scheme], SCHEMES[scheme].paper) >= 3,
        )
        if (!isReadable || !standsOut) t.fail(colour)
      }
    }
  }
  t.equal(brandColours("#0b5cad", SCHEMES).on, "#ffffff", "white where both can be read")
})

t.test("a brand's name and logo stand on each of its pages, and without one nothing does", async (t) => {
  const full = createPages(BRANDS.full)
  const none = createPages()
  for (const [name, make] of Object.entries(SAMPLES)) {
    const html = make(full, "en", WORDS).body.toString()
    t.match(html, `<span>${"名".repeat(40)}</span></div></header>`, name)
    t.match(html, `<img src="data:image/png;base64,${BRANDS.full?.logo}" alt="">`, name)
    t.match(html, "--act:#0b5cad;--on:#ffffff", name)
    t.notMatch(make(none, "en", WORDS).body.toString(), /<header|<img|Qiao/, name)
  }
  const logoOnly = createPages(brand.parse({ logo: BRANDS.full?.logo }))
  t.match(logoOnly.fixed("gone", "zh-CN").body.toString(), 'alt="标志"', "a logo alone has words")
})

t.test("a brand's own words of the guide hold in their language, and ours elsewhere", async (t) => {
  const pages = createPages(
    brand.parse({
      guide: { "zh-CN": { title: "换个地方看", lead: "点三下就好。" }, en: { lead: "Nearly there." } },
    }),
  )
  const chinese = pages.guide({ ...WORDS, language: "zh-CN", platform: "wechat", os: "ios" }).body.toString()
  t.match(chinese, "<title>换个地方看</title>")
  t.match(chinese, "<h1>换个地方看</h1><p>点三下就好。</p>")
  const english = pages.guide({ ...WORDS, language: "en", platform: "wechat", os: "ios" }).body.toString()
  t.match(english, "<h1>Please open this in your browser</h1><p>Nearly there.</p>")
})
