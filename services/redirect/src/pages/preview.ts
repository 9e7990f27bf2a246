import { GLYPH_STYLE, GLYPHS } from "./glyphs.ts"
import { type Html, hrefOf, html, shortened } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { byLanguage, type Language } from "./texts.ts"

/** `url` is where the link leads, null where a password keeps that from who looks. */
export type PreviewRequest = { language: Language; shortUrl: string; url: string | null; reportUrl: string }

/** Keeps the page small; few targets are longer, and the host, which matters most, comes first. */
const SHOWN_URL_MAX = 600

export function createPreview(layout: Layout): (request: PreviewRequest) => Page {
  const pages = byLanguage((language) =>
    layout({ language, title: TEXTS[language].title, style: GLYPH_STYLE }),
  )
  return ({ language, shortUrl, url, reportUrl }) => {
    const words = TEXTS[language]
    const target =
      url === null
        ? html`<p>${words.hidden}</p>`
        : html`<p>${words.lead}</p><p class="box">${shown(url)}</p><p class="soft">${words.varies}</p>`
    return pages[language](
      200,
      html`${url === null ? GLYPHS.lock : GLYPHS.link}<h1>${words.title}</h1>
<p class="soft">${words.link(shortened(shortUrl))}</p>${target}
<a class="button" href="${hrefOf(shortUrl)}">${words.open}</a>
<p><a href="${hrefOf(reportUrl)}">${words.report}</a></p>`,
    )
  }
}

/** The host stands out: it says whose page it is. */
function shown(url: string): Html {
  const { protocol, host } = URL.parse(url) ?? { protocol: "", host: "" }
  const cut = shortened(url, SHOWN_URL_MAX)
  const start = `${protocol}//`
  return cut.startsWith(start + host)
    ? html`${start}<strong>${host}</strong>${cut.slice(start.length + host.length)}`
    : html`${cut}`
}

type Words = Record<"title" | "lead" | "hidden" | "varies" | "open" | "report", string> & {
  link: (shortUrl: string) => string
}

const TEXTS: Record<Language, Words> = {
  "zh-CN": {
    title: "这个链接通往哪里",
    link: (shortUrl) => `短链接：${shortUrl}`,
    lead: "打开后将前往：",
    hidden: "这个链接受密码保护，输入密码之前不显示它通往哪里。",
    varies: "在不同的设备或应用里打开，可能前往别的地址。",
    open: "继续打开",
    report: "举报这个链接",
  },
  en: {
    title: "Where this link leads",
    link: (shortUrl) => `Short link: ${shortUrl}`,
    lead: "It leads to:",
    hidden: "This link is protected by a password. Where it leads is not shown without it.",
    varies: "It may lead elsewhere, depending on your device and the app you open it in.",
    open: "Continue",
    report: "Report this link",
  },
}
