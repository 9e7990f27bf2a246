import type { Browser } from "playwright-core"
import t, { type Test } from "tap"
import { startBrowser } from "./support/browser.ts"
import { type Qiao, startQiao } from "./support/qiao.ts"
import { WECHAT } from "./support/visit.ts"

type Look = { locale: string; colorScheme: "light" | "dark"; width: number }

const LOOKS: Look[] = [
  { locale: "zh-CN", colorScheme: "light", width: 320 },
  { locale: "en-US", colorScheme: "dark", width: 1_280 },
]

async function open(t: Test, browser: Browser, url: string, look: Look) {
  const { locale, colorScheme, width } = look
  const context = await browser.newContext({
    ...{ locale, colorScheme, userAgent: WECHAT, viewport: { width, height: 700 } },
  })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const faults: string[] = []
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text())
  })
  page.on("pageerror", (err) => faults.push(err.message))
  const answer = await page.goto(url)
  return { page, faults, status: answer?.status() }
}

async function guidedLink(qiao: Qiao, domain: string): Promise<string> {
  const port = new URL(qiao.edge).port
  if (domain !== "localhost") {
    await qiao.api("POST", "/v1/domains", { host: domain, origin: `http://${domain}:${port}` })
  }
  const link = { domain, url: "https://shop.example.com/spring?a=1", guidePlatforms: ["wechat"] }
  const answer = await qiao.api("POST", "/v1/links", link)
  return (answer.json as { shortUrl: string }).shortUrl
}

t.test("the guide page can be read and its copy button tells the truth", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const qiao = await startQiao(t)
  const addresses = {
    "a secure context": `${await guidedLink(qiao, "localhost")}?from=poster`,
    "plain http": `${await guidedLink(qiao, "s.example.com")}?from=poster`,
  }
  for (const [name, url] of Object.entries(addresses)) {
    for (const look of LOOKS) {
      const { page, faults, status } = await open(t, browser, url, look)
      t.equal(status, 200, name)
      t.match(await page.textContent("body"), "shop.example.com")
      const isWide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
      t.equal(await page.evaluate(isWide), false, `nothing overflows at ${look.width} px`)
      t.equal(await page.textContent("#address"), url)
      await page.click("#copy")
      const said = page.locator("#said", { hasText: /已复制|^Copied$/ })
      await said.waitFor({ timeout: 2_000 })
      await page.evaluate("document.body.appendChild(document.createElement('textarea')).focus()")
      await page.keyboard.press("Control+V")
      t.equal(
        await page.evaluate("document.querySelector('textarea').value"),
        url,
        "what was copied is the address",
      )
      t.same(faults, [], "no script or policy complains")
    }
  }
})

t.test("without a script the guide page still says all there is to say", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const qiao = await startQiao(t)
  const context = await browser.newContext({ javaScriptEnabled: false, userAgent: WECHAT, locale: "zh-CN" })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const url = await guidedLink(qiao, "localhost")
  await page.goto(url)
  t.match(await page.textContent("body"), "shop.example.com")
  t.equal(await page.textContent("#address"), url)
  t.equal(await page.isVisible("#copy"), false, "no button that does nothing")
})
