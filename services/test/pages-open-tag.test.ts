import type { BrowserContext } from "playwright-core"
import t from "tap"
import { servePages } from "../redirect/test/support/page-server.ts"
import { openTab, startBrowser } from "./support/browser.ts"
import { WECHAT } from "./support/visit.ts"

/* WeChat itself cannot be had here: a stand-in for its script tells what the page asks of it. */

const SIGNED = { appId: "wx00112233445566ff", timestamp: 1_800_000_000, nonceStr: "n", signature: "s" }
const SDK = "window.wx = { config(given) { window.configured = given } }"

type Signer = { status: number; body: string; asked: string[]; sdkLoads: string[] }

async function standIn(context: BrowserContext, status: number, body: string): Promise<Signer> {
  const signer: Signer = { status, body, asked: [], sdkLoads: [] }
  await context.route("https://sign.example.com/**", (route) => {
    signer.asked.push(route.request().url())
    return route.fulfill({ status, body, headers: { "access-control-allow-origin": "*" } })
  })
  await context.route("https://res.wx.qq.com/**", (route) => {
    signer.sdkLoads.push(route.request().url())
    return route.fulfill({ body: SDK, contentType: "text/javascript" })
  })
  return signer
}

t.test("the open tag is configured with the signature of the page's own address", async (t) => {
  const browser = await startBrowser(t)
  if (browser === null) return
  const server = await servePages(t)
  const { context, page, faults } = await openTab(t, browser, { userAgent: WECHAT, locale: "zh-CN" })
  const signer = await standIn(context, 200, JSON.stringify({ ...SIGNED, debug: true }))
  const url = `${server.url("mini program: open tag")}?from=poster&b=1`
  await page.goto(`${url}#top`)
  await page.waitForFunction("window.configured")
  t.same(signer.asked, [`https://sign.example.com/wechat?site=1&url=${encodeURIComponent(url)}`])
  t.same(signer.sdkLoads, ["https://res.wx.qq.com/open/js/jweixin-1.6.0.js"])
  t.same(await page.evaluate("configured"), {
    ...SIGNED,
    jsApiList: ["checkJsApi"],
    openTagList: ["wx-open-launch-weapp"],
  })
  t.same(faults, [], "no script or policy complains")
  await page.evaluate("document.getElementById('tag').dispatchEvent(new CustomEvent('error'))")
  t.match(await page.textContent("#said"), "没能打开小程序")
})

t.test(
  "whatever goes wrong with the open tag, the page still says how to find the mini program",
  async (t) => {
    const browser = await startBrowser(t)
    if (browser === null) return
    const server = await servePages(t)
    for (const [status, body] of [
      [500, JSON.stringify(SIGNED)],
      [200, "<html>"],
      [200, "null"],
      [404, ""],
    ] as const) {
      const { context, page } = await openTab(t, browser, { userAgent: WECHAT, locale: "zh-CN" })
      const signer = await standIn(context, status, body)
      const answered = page.waitForResponse("https://sign.example.com/**")
      await page.goto(server.url("mini program: open tag"))
      await (await answered).finished()
      t.match(await page.textContent("main"), "输入“春季商城”", `${status} ${body}`)
      t.equal(await page.isVisible("a"), true, `${status} ${body}`)
      if (status !== 200 || body === "<html>") t.same(signer.sdkLoads, [], "WeChat is not asked for nothing")
      await context.close()
    }
  },
)
