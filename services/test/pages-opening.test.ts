import t from "tap"
import { servePages } from "../redirect/test/support/page-server.ts"
import { WORDS } from "../redirect/test/support/sample-pages.ts"
import { openTab, startBrowser } from "./support/browser.ts"
import { WECHAT } from "./support/visit.ts"
import { waitFor } from "./support/wait.ts"

t.test("nothing jumps by itself, and a tap that opened no app only brings a word of advice", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  for (const name of ["app: Safari", "mini program: outside WeChat"]) {
    const { page } = await openTab(t, browser, { locale: "en-US" })
    await page.clock.install()
    const url = server.url(name)
    await page.goto(url)
    await page.clock.runFor(60_000)
    t.equal(await page.textContent("#said"), "", "before the tap there is nothing to say")
    await page.click("#open")
    await page.clock.runFor(1_000)
    t.equal(await page.textContent("#said"), "", "an app needs a moment to come up")
    await page.clock.runFor(60_000)
    t.match(await page.textContent("#said"), /^It did not open\?/)
    t.equal(page.url(), url)
    t.equal(await page.evaluate("history.length"), 2, "about:blank and the page")
  }
})

t.test("when the app came up, the page behind it stays silent", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page } = await openTab(t, browser, { locale: "en-US" })
  await page.clock.install()
  for (const event of [
    "document.dispatchEvent(new Event('visibilitychange'))",
    "dispatchEvent(new Event('pagehide'))",
  ]) {
    await page.goto(server.url("app: Safari"))
    await page.click("#open")
    await page.evaluate(event)
    await page.clock.runFor(60_000)
    t.equal(await page.textContent("#said"), "")
  }
})

t.test("without a script each page still has its ways on", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page } = await openTab(t, browser, { javaScriptEnabled: false, userAgent: WECHAT, locale: "zh-CN" })
  const wanted: Record<string, string[]> = {
    "app: Safari": [WORDS.app.open, WORDS.app.store ?? "", WORDS.app.web],
    "app: WeChat": [WORDS.app.open, WORDS.app.web],
    "mini program: outside WeChat": [WORDS.miniProgram.open, WORDS.miniProgram.web],
    "mini program: open tag": [WORDS.miniProgram.web],
    preview: [WORDS.shortUrl, "/none/preview+report"],
  }
  for (const [name, hrefs] of Object.entries(wanted)) {
    await page.goto(server.url(name))
    const links = await page.locator("a:visible").all()
    t.same(await Promise.all(links.map((link) => link.getAttribute("href"))), hrefs, name)
  }
  await page.goto(server.url("mini program: open tag"))
  t.match(await page.textContent("main"), "输入“春季商城”")
})

t.test("the password leads on to another site, as nothing of the page's policy holds it back", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page, faults } = await openTab(t, browser, { javaScriptEnabled: false })
  await page.goto(server.url("password: wrong"))
  t.equal(await page.evaluate("document.activeElement.id"), "password", "the field is where one types")
  await page.fill("#password", "春天 & 1=1")
  await page.click("button")
  await page.waitForURL("http://shop.example.com:*/arrived")
  t.same(server.posted, [new URLSearchParams({ password: "春天 & 1=1" }).toString()])
  t.same(faults, [])
})

t.test("a report is sent once there is a reason, with or without details", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { page } = await openTab(t, browser, { locale: "en-US" })
  const url = server.url("report")
  await page.goto(url)
  await page.click("button")
  t.equal(page.url(), url)
  t.same(server.posted, [], "without a reason the browser does not send it")
  await page.getByLabel("Malware").check()
  await page.getByLabel("Details").fill("x".repeat(600))
  await page.click("button")
  await waitFor("the report to arrive", () => server.posted.length > 0)
  t.same(server.posted, [new URLSearchParams({ reason: "malware", details: "x".repeat(500) }).toString()])
})
