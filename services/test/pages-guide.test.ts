import type { Page } from "playwright-core"
import t from "tap"
import { GUIDE_PARAMETER } from "../../packages/core/src/guide-token.ts"
import { servePages } from "../redirect/test/support/page-server.ts"
import { WORDS } from "../redirect/test/support/sample-pages.ts"
import { openTab, startBrowser } from "./support/browser.ts"
import { startQiao } from "./support/qiao.ts"
import { WECHAT } from "./support/visit.ts"

const TOKEN = `${GUIDE_PARAMETER}=${WORDS.token}`

/** What is in the clipboard, by pasting it. */
async function pasted(page: Page): Promise<unknown> {
  await page.evaluate("document.body.appendChild(document.createElement('textarea')).focus()")
  await page.keyboard.press("Control+V")
  return page.evaluate("document.querySelector('textarea').value")
}

const said = (page: Page, text: RegExp) =>
  page.locator("#said", { hasText: text }).waitFor({ timeout: 2_000 })

t.test("the address carries the token, whatever else it carries", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const address = (await servePages(t)).url("guide")
  const cases: [opened: string, expected: string][] = [
    [address, `${address}?${TOKEN}`],
    [`${address}?`, `${address}?${TOKEN}`],
    [`${address}?from=poster&q=%26#top`, `${address}?from=poster&q=%26&${TOKEN}#top`],
    [`${address}?a=1&${GUIDE_PARAMETER}=another&b=2`, `${address}?a=1&b=2&${TOKEN}`],
    [`${address}?%5Fqg=another&%=1&b`, `${address}?%=1&b&${TOKEN}`],
  ]
  for (const [opened, expected] of cases) {
    const { page, context } = await openTab(t, browser, { userAgent: WECHAT, locale: "zh-CN" })
    await page.goto(opened)
    t.equal(page.url(), expected, "in the address bar, which the app's own menu opens")
    t.equal(await page.textContent("#address"), expected, "on the page")
    t.equal(await page.evaluate("history.length"), 2, "there is nothing to go back through")
    await context.close()
  }
})

t.test("the copied address carries the token, in a secure context and without", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const { port } = await servePages(t)
  for (const [host, isSecure] of [
    ["localhost", true],
    ["s.example.com", false],
  ] as const) {
    const address = `http://${host}:${port}/none/guide?from=poster&q=%26`
    const { page, faults } = await openTab(t, browser, { userAgent: WECHAT, locale: "zh-CN" })
    await page.goto(`${address}#top`)
    t.equal(await page.evaluate("isSecureContext"), isSecure)
    await page.click("#copy")
    await said(page, /已复制/)
    t.equal(await pasted(page), `${address}&${TOKEN}#top`)
    t.same(faults, [], "no script or policy complains")
  }
})

t.test("the copy button never says what it has not done", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page } = await openTab(t, browser, { userAgent: WECHAT, locale: "en-US" })
  const clipboards = [
    "undefined",
    "{}",
    "{writeText(){throw new Error}}",
    "{writeText(){return Promise.reject()}}",
  ]
  for (const clipboard of clipboards) {
    for (const result of ["true", "false", "(() => { throw new Error })()"]) {
      await page.goto(server.url("guide"))
      await page.evaluate(`Object.defineProperty(navigator, "clipboard", {value: ${clipboard}});
        document.execCommand = () => ${result}`)
      await page.click("#copy")
      await said(page, result === "true" ? /^Copied/ : /^Could not copy/)
      const selected = await page.evaluate("getSelection().toString()")
      const address = await page.textContent("#address")
      if (result !== "true") t.equal(selected, address, "the address lies ready to be copied by hand")
      t.equal(await page.locator("textarea").count(), 0, "nothing is left behind")
    }
  }
})

t.test("without a script the guide still says all there is to say", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page } = await openTab(t, browser, { javaScriptEnabled: false, userAgent: WECHAT, locale: "zh-CN" })
  await page.goto(server.url("guide"))
  const text = await page.textContent("main")
  for (const word of ["在 Safari 中打开", "shop.example.com", WORDS.shortUrl]) t.match(text, word)
  t.equal(await page.isVisible("#copy"), false, "no button that does nothing")
})

t.test("a link of Qiao shows its guide in WeChat, with its own address to copy", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const qiao = await startQiao(t)
  const link = { domain: "localhost", url: "https://shop.example.com/spring?a=1", guidePlatforms: ["wechat"] }
  const { json } = await qiao.api("POST", "/v1/links", link)
  const url = `${(json as { shortUrl: string }).shortUrl}?from=poster`
  const { page, faults } = await openTab(t, browser, { userAgent: WECHAT, locale: "zh-CN" })
  t.equal((await page.goto(url))?.status(), 200)
  t.match(await page.textContent("main"), "shop.example.com")
  const tokened = new URL(page.url())
  t.match(tokened.searchParams.get(GUIDE_PARAMETER), /^[\w-]{11}$/)
  tokened.searchParams.delete(GUIDE_PARAMETER)
  t.equal(tokened.href, url)
  await page.click("#copy")
  await said(page, /已复制/)
  t.equal(await pasted(page), page.url())
  t.same(faults, [], "no script or policy complains")
})
