import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"
import t from "tap"
import { STATUS } from "../redirect/src/pages/texts.ts"
import { servePages } from "../redirect/test/support/page-server.ts"
import { BRANDS, SAMPLES } from "../redirect/test/support/sample-pages.ts"
import { openTab, startBrowser } from "./support/browser.ts"
import { SAFARI, WECHAT } from "./support/visit.ts"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Text sizes, in percent of the usual, at which something reaches over the side of the page. Ends with the usual one. */
function sizesTooWide(page: Page): Promise<number[]> {
  return page.evaluate(`[200, 100].filter((size) => {
    const root = document.documentElement
    root.style.fontSize = size + "%"
    return root.scrollWidth > root.clientWidth
  })`)
}

/** What bars people from using the page, by axe-core's rules for WCAG and its best practices. */
function barriersOf(page: Page): Promise<string[]> {
  return page.evaluate(`axe.run({ resultTypes: ["violations"] }).then(({violations}) => violations
    .filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, nodes}) => id + ": " + nodes.map(({html}) => html).join(" ")))`)
}

type Locale = "zh-CN" | "en-US"

/** On a phone and on a desktop, one light and one dark: the other way round in the other language. */
const SCREENS = {
  "zh-CN": [
    { width: 320, colorScheme: "light" },
    { width: 1_280, colorScheme: "dark" },
  ],
  "en-US": [
    { width: 320, colorScheme: "dark" },
    { width: 1_280, colorScheme: "light" },
  ],
} as const

const LOCALES: readonly Locale[] = ["zh-CN", "en-US"]

t.test("every page can be read and used by everyone, however it is shown", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const brands = Object.keys(BRANDS)
  for (const [nth, locale] of LOCALES.entries()) {
    const { context, page, faults } = await openTab(t, browser, { locale })
    await context.addInitScript(AXE)
    for (const [i, name] of Object.keys(SAMPLES).entries()) {
      // All pages of a brand share its colours and header: two brands each will do.
      const brand = brands[(i + nth) % brands.length]
      await page.goto(server.url(name, brand))
      for (const { width, colorScheme } of SCREENS[locale]) {
        const look = `${name}: ${locale}, ${colorScheme}, ${width} px, brand ${brand}`
        await page.setViewportSize({ width, height: 700 })
        await page.emulateMedia({ colorScheme })
        t.same(await sizesTooWide(page), [], `${look}: nothing overflows`)
        t.same(await barriersOf(page), [], `${look}: no barrier`)
      }
    }
    t.same(faults.filter(isNotOfTheTag), [], "no script or policy complains")
  }
})

/** The signer of the sample is nowhere to be reached. */
const isNotOfTheTag = (fault: string) => !/sign\.example\.com|ERR_CONNECTION_REFUSED/.test(fault)

const USER_AGENTS: Record<string, { userAgent: string } & Record<Locale, RegExp>> = {
  WeChat: { userAgent: WECHAT, "zh-CN": /微信.*在 Safari 中打开/s, "en-US": /WeChat.*Open in Safari/s },
  QQ: {
    userAgent:
      "Mozilla/5.0 (Linux; Android 12; V2055A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/98.0.4758.102 MQQBrowser/6.2 TBS/046317 Mobile Safari/537.36 V1_AND_SQ_8.9.75_5010_YYB_D QQ/8.9.75.12110 NetType/4G WebP/0.3.0",
    "zh-CN": /QQ.*在浏览器打开/s,
    "en-US": /QQ.*open in browser/s,
  },
  Douyin: {
    userAgent:
      "Mozilla/5.0 (Linux; Android 10; HD1900; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/75.0.3770.156 Mobile Safari/537.36 aweme_280000 JsSdk/1.0 NetType/WIFI BytedanceWebview/d8a21c6",
    "zh-CN": /抖音.*分享箭头/s,
    "en-US": /Douyin.*share arrow/s,
  },
  WeCom: {
    userAgent:
      "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/108.0.0.0 Safari/537.36 wxwork/4.1.20 (MicroMessenger/6.2) WindowsWechat MailPlugin_Electron WeMail embeddisk",
    "zh-CN": /企业微信.*窗口右上方/s,
    "en-US": /WeCom.*top right of the window/s,
  },
  Safari: { userAgent: SAFARI, "zh-CN": /请复制地址/, "en-US": /Copy the address and paste it/ },
}

t.test("in each app's browser the guide speaks of that app, and fits", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  for (const locale of LOCALES) {
    const { page, faults } = await openTab(t, browser, { locale })
    for (const [app, { userAgent, ...words }] of Object.entries(USER_AGENTS)) {
      await page.setExtraHTTPHeaders({ "User-Agent": userAgent })
      for (const name of ["app", "guide"]) {
        await page.goto(server.url(name, "pale"))
        for (const width of [1_280, 320]) {
          await page.setViewportSize({ width, height: 700 })
          t.same(await sizesTooWide(page), [], `${name} in ${app}, ${locale}, ${width} px: nothing overflows`)
        }
      }
      t.match(await page.textContent("main"), words[locale], `${app}, ${locale}`)
    }
    t.same(faults, [], "no script or policy complains")
  }
})

t.test("whoever has no mouse comes to every link, field and button, and sees where they are", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page } = await openTab(t, browser)
  // The other pages have nothing to come to.
  const names = Object.keys(SAMPLES).filter((name) => !(name in STATUS))
  for (const name of names) {
    await page.goto(server.url(name, "full"))
    // A group of radio buttons is one stop.
    const stops = await page.locator("a, button:visible, input:not([type=radio]), textarea, fieldset").count()
    // From the top, also where a field has the focus already.
    await page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    for (let stop = 0; stop < stops; stop++) {
      await page.keyboard.press("Tab")
      const outline = await page.evaluate(`document.activeElement.dataset.reached = "",
        getComputedStyle(document.activeElement).outlineStyle`)
      t.equal(outline, "solid", `${name}: stop ${stop + 1} of ${stops}`)
    }
    t.equal(await page.locator("main [data-reached]").count(), stops, `${name}: each of them`)
  }
})
