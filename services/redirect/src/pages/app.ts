import type { AppTarget } from "@qiao/core/app.ts"
import type { Platform } from "@qiao/core/platform.ts"
import type { Os } from "@qiao/core/visitor.ts"
import { GLYPH_STYLE, GLYPHS } from "./glyphs.ts"
import { type Html, hostIn, hrefOf, html, NOTHING } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { OPENING_SCRIPT, OPENING_STYLE, openingLink } from "./opening.ts"
import { byLanguage, type Language } from "./texts.ts"
import { appName, WAY_OUT_STYLE, wayOut } from "./way-out.ts"

export type AppRequest = { language: Language; platform: Platform; os: Os; target: AppTarget }

const STYLE = GLYPH_STYLE + OPENING_STYLE + WAY_OUT_STYLE

export function createApp(layout: Layout): (request: AppRequest) => Page {
  const pages = byLanguage((language) =>
    layout({ language, title: TEXTS[language].title, style: STYLE, script: OPENING_SCRIPT }),
  )
  return ({ language, platform, os, target: { open, store, web } }) => {
    const words = TEXTS[language]
    const late = store === null ? words.late : words.lateWithStore
    return pages[language](
      200,
      html`${GLYPHS.app}<h1>${words.title}</h1><p>${words.lead}</p>
${openingLink(open, words.open, late)}
${store === null ? NOTHING : html`<a class="button other" href="${hrefOf(store)}">${words.store}</a>`}
<a class="button other" href="${hrefOf(web)}">${words.web(html`<strong>${hostIn(web)}</strong>`)}</a>${hintOf(platform, os, language)}`,
    )
  }
}

/** An app's own browser may refuse to open other apps; the visitor's does not. */
function hintOf(platform: Platform, os: Os, language: Language): Html {
  const way = wayOut(platform, os, language)
  if (way === null) return NOTHING
  const { hintTitle, hint } = TEXTS[language]
  return html`<h2>${hintTitle}</h2><p>${hint(appName(platform, language))}</p>${way.steps}`
}

type Words = Record<"title" | "lead" | "open" | "store" | "late" | "lateWithStore" | "hintTitle", string> & {
  web: (host: Html) => Html
  hint: (app: string) => string
}

const TEXTS: Record<Language, Words> = {
  "zh-CN": {
    title: "在应用中打开",
    lead: "这个链接可以直接打开手机上的应用。",
    open: "打开应用",
    store: "还没有？去应用商店下载",
    web: (host) => html`继续访问网页 ${host}`,
    late: "没有打开？可能还没有安装这个应用。您可以继续访问网页。",
    lateWithStore: "没有打开？可能还没有安装这个应用。您可以去应用商店下载，或者继续访问网页。",
    hintTitle: "点了没有反应？",
    hint: (app) => `${app.trim()}可能不允许打开其他应用。请先换到浏览器，再点“打开应用”：`,
  },
  en: {
    title: "Open this in the app",
    lead: "This link can open the app on your phone.",
    open: "Open the app",
    store: "Get it from the app store",
    web: (host) => html`Go on to the web page at ${host}`,
    late: "It did not open? You may not have the app. You can go on to the web page.",
    lateWithStore:
      "It did not open? You may not have the app. You can get it from the store or go on to the web page.",
    hintTitle: "Nothing happens?",
    hint: (app) =>
      `${app} may not let other apps open. Please move on to your browser first, then tap “Open the app”:`,
  },
}
