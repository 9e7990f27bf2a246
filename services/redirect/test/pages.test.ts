import type { Platform } from "@qiao/core/platform.ts"
import { PLATFORMS } from "@qiao/core/platform.ts"
import { OS, type Os } from "@qiao/core/visitor.ts"
import t from "tap"
import { createLayout } from "../src/pages/layout.ts"
import { createMiniProgram } from "../src/pages/mini-program.ts"
import { createPages } from "../src/pages/pages.ts"
import { FIXED_PAGES, LANGUAGES, type Language, pageLanguage, STATUS } from "../src/pages/texts.ts"
import { SAMPLES, WORDS } from "./support/sample-pages.ts"

const pages = createPages()
const textOf = (name: string, language: Language = "en") =>
  SAMPLES[name]?.(pages, language, WORDS).body.toString() ?? ""

t.test("each page has its status in both languages", async (t) => {
  const statuses: Record<string, number> = {
    ...Object.fromEntries(FIXED_PAGES.map((name) => [name, STATUS[name]])),
    password: 403,
    "password: wrong": 403,
    "password: busy": 503,
    "password: limited": 429,
    "report: incomplete": 422,
    "report: limited": 429,
    "report: unavailable": 503,
  }
  for (const language of LANGUAGES) {
    for (const [name, make] of Object.entries(SAMPLES)) {
      t.equal(make(pages, language, WORDS).status, statuses[name] ?? 200, name)
    }
  }
})

t.test("Chinese for who reads Chinese first, English for everyone else", async (t) => {
  for (const tag of ["zh", "zh-CN", "zh-TW", "ZH-hans"]) t.equal(pageLanguage(tag), "zh-CN")
  for (const tag of ["", "en", "de-CH", "zha", "x-zh"]) t.equal(pageLanguage(tag), "en")
})

t.test("the guide says and draws where the menu is, in the words of the app and system", async (t) => {
  const guide = (platform: Platform, os: Os, language: Language = "zh-CN") =>
    pages.guide({ ...WORDS, language, platform, os }).body.toString()
  const drawn = (html: string) => />([^<>]*)<\/text><\/?(?:svg|circle)/.exec(html)?.[1]
  const wanted: [Platform, Os, Language, string, string][] = [
    ["wechat", "android", "zh-CN", "点击右上角的 ···", "在浏览器打开"],
    ["wechat", "harmonyos", "zh-CN", "点击右上角的 ···", "在浏览器打开"],
    ["wechat", "ios", "zh-CN", "点击右上角的 ···", "在 Safari 中打开"],
    ["wechat", "ios", "en", "Tap ··· at the top right", "Open in Safari"],
    ["wecom", "windows", "zh-CN", "点击窗口右上方的 ··· 或浏览器图标", "用默认浏览器打开"],
    ["qq", "ios", "en", "Tap ··· at the top right", "用 Safari 打开"],
    ["douyin", "android", "zh-CN", "点击右上角的分享箭头或 ···", "在浏览器打开"],
    ["facebook", "android", "en", "Tap ⋮ at the top right", "Open in external browser"],
    ["line", "ios", "en", "Tap the share icon at the bottom", "Open in default browser"],
  ]
  for (const [platform, os, language, button, entry] of wanted) {
    const html = guide(platform, os, language)
    t.match(html, `<li>${button}</li>`, `${platform} on ${os}`)
    t.equal(drawn(html), entry, `${platform} on ${os}`)
    t.ok((html.split("<ol")[1] ?? "").includes(entry), `${platform} on ${os}: the steps say it in words`)
  }
  t.match(guide("wechat", "ios"), "在默认浏览器中打开")
  t.match(guide("douyin", "ios", "en"), '<span lang="zh-CN">在浏览器打开</span>” (open in browser)')
  t.notMatch(guide("taobao", "ios"), /<ol|<svg/, "an app without such a menu")
})

t.test("every guide names the app, the target's host and the address to copy", async (t) => {
  for (const platform of PLATFORMS) {
    for (const os of OS) {
      const html = pages.guide({ ...WORDS, language: "en", platform, os }).body.toString()
      t.match(html, "<strong>shop.example.com</strong>", `${platform} on ${os}`)
      t.match(html, ">https://s.example.com/k7Qm2xZ?from=poster<", `${platform} on ${os}`)
      t.match(html, 'data-token="abcdefghi-_"', `${platform} on ${os}`)
    }
  }
  t.match(textOf("guide: WeChat on iOS", "zh-CN"), "微信")
  t.match(textOf("guide: QQ on iOS"), "QQ")
})

t.test("the password page posts one field and ties its fault to it", async (t) => {
  const html = textOf("password: wrong")
  t.match(html, '<form method="post">', "to its own address")
  t.equal(html.match(/<input|<textarea|<select/g)?.length, 1)
  t.match(
    html,
    /<input [^>]*name="password" type="password"[^>]* aria-describedby="fault" aria-invalid="true">/,
  )
  t.match(html, 'id="fault">That password is not right')
  t.notMatch(textOf("password"), /aria-describedby|aria-invalid|id="fault"/)
  t.notMatch(textOf("password: busy"), "aria-invalid", "what was not checked is not called wrong")
})

t.test("the preview shows the whole target, its host above all, unless a password hides it", async (t) => {
  t.match(textOf("preview"), "https://<strong>shop.example.com</strong>/spring?a=1&amp;b=2<")
  t.match(textOf("preview"), "depending on your device")
  t.notMatch(textOf("preview: protected"), "shop.example.com")
  for (const name of ["preview", "preview: protected"]) {
    t.match(textOf(name), 'href="https://s.example.com/k7Qm2xZ?from=poster"')
    t.match(textOf(name), 'href="/k7Qm2xZ+report"')
  }
})

t.test("the report page asks for a reason, and for nothing once it has one or may not take it", async (t) => {
  const html = textOf("report")
  const reasons = [...html.matchAll(/name="reason" value="(\w+)"/g)].map(([, reason]) => reason)
  t.same(reasons, ["phishing", "malware", "spam", "illegal", "other"])
  t.match(html, /<textarea [^>]*name="details" [^>]*maxlength="500"/)
  for (const name of ["report: incomplete", "report: unavailable"])
    t.match(textOf(name), /<form.*role="alert"|role="alert".*<form/s)
  for (const name of ["report: thanks", "report: limited"]) t.notMatch(textOf(name), "<form")
})

t.test("the app's page leads to the app, the store and the web, each behind a tap", async (t) => {
  const hrefs = [...textOf("app: Safari").matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href]) => href)
  t.same(hrefs, [
    "myapp://item/1",
    "https://apps.apple.com/cn/app/id123456789",
    "https://shop.example.com/spring",
  ])
  t.notMatch(textOf("app: Safari"), "<ol", "a browser needs no way out")
  t.match(textOf("app: WeChat"), "Choose “Open in Browser”")
  t.equal(textOf("app: WeChat").match(/<a /g)?.length, 2, "no store, no link to it")
})

t.test("the mini program's page always says how to get there without the open tag", async (t) => {
  for (const name of ["mini program: in WeChat", "mini program: open tag"]) {
    const html = textOf(name)
    t.match(html, "Enter “春季商城”")
    t.match(html, 'href="https://shop.example.com/spring"')
    t.notMatch(html, "weixin:", "WeChat does not follow that")
  }
  t.match(textOf("mini program: outside WeChat"), 'href="weixin://dl/business/?appid=wx0123456789abcdef"')
})

t.test("the open tag names the page as WeChat wants it", async (t) => {
  const tagOf = (path: string, query: string) => {
    const target = { ...WORDS.miniProgram, path, query }
    const { signatureUrl } = WORDS
    return /<wx-open-launch-weapp[^>]*>/.exec(
      pages.miniProgram({ language: "en", target, signatureUrl }).body.toString(),
    )?.[0]
  }
  t.match(tagOf("pages/index/index", "a=1&b=2"), 'path="pages/index/index.html?a=1&amp;b=2"')
  t.match(tagOf("pages/index/index", ""), 'path="pages/index/index.html"')
  t.match(tagOf("pages/index/index", ""), 'appid="wx0123456789abcdef"')
  t.notMatch(tagOf("", "a=1"), "path=")
})

t.test("the page of the open tag is laid out once for each language and signer", async (t) => {
  let frames = 0
  const layout = createLayout(null)
  const miniProgram = createMiniProgram((frame) => {
    frames++
    return layout(frame)
  })
  const before = frames
  const bodyOf = (language: Language, signatureUrl: string, name: string) =>
    miniProgram({ language, target: { ...WORDS.miniProgram, name }, signatureUrl }).body.toString()
  for (const name of ["一号店", "二号店"]) {
    for (const language of LANGUAGES) {
      for (const signer of ["https://a.example.com/", "https://b.example.com/"]) {
        const html = bodyOf(language, signer, name)
        t.match(html, `data-signature="${signer}"`)
        t.match(html, name)
      }
    }
  }
  t.equal(frames - before, 4)
  for (let i = 0; i < 1_000; i++) bodyOf("en", `https://a.example.com/${i}`, "x")
  t.match(bodyOf("en", "https://a.example.com/", "x"), 'data-signature="https://a.example.com/"')
})
