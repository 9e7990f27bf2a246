import type { Brand } from "@qiao/core/brand.ts"
import type { Platform } from "@qiao/core/platform.ts"
import type { Os } from "@qiao/core/visitor.ts"
import { COPY_SCRIPT } from "./copying.ts"
import { type Html, html, NOTHING } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { byLanguage, type Language } from "./texts.ts"
import { appName, WAY_OUT_STYLE, wayOut } from "./way-out.ts"

/** `shortUrl` is the address the visitor opened, `targetHost` where it leads, `token` what tells that they came back. */
export type GuideRequest = {
  language: Language
  platform: Platform
  os: Os
  targetHost: string
  shortUrl: string
  token: string
}

/** Keeps the page small. A longer address is shown without its query; the script puts in the whole one. */
const SHOWN_URL_MAX = 200

const STYLE = `${WAY_OUT_STYLE}
  .address{-webkit-user-select:all;user-select:all}`

export function createGuide(layout: Layout, brand: Brand | null): (request: GuideRequest) => Page {
  const frames = byLanguage((language) => {
    const { title, lead } = { ...brand?.guide?.[language] }
    const words = TEXTS[language]
    const page = layout({ language, title: title ?? words.title, style: STYLE, script: COPY_SCRIPT })
    return {
      page,
      title: title ?? words.title,
      leadIn: lead === undefined ? words.lead : () => html`${lead}`,
    }
  })
  /** Drawn once for each app and system. */
  const ways = new Map<string, ReturnType<typeof wayOut>>()
  const wayOf = ({ platform, os, language }: GuideRequest) => {
    const key = `${platform} ${os} ${language}`
    const known = ways.get(key)
    if (known !== undefined) return known
    const way = wayOut(platform, os, language)
    ways.set(key, way)
    return way
  }
  return (request) => {
    const { language, platform, targetHost, shortUrl, token } = request
    const { page, title, leadIn } = frames[language]
    const words = TEXTS[language]
    const way = wayOf(request)
    const copyLead = way === null ? words.onlyCopy : way.isSure ? words.orCopy : words.elseCopy
    return page(
      200,
      html`<h1>${title}</h1><p>${leadIn(appName(platform, language))}</p>
<p class="soft">${words.target(html`<strong>${targetHost}</strong>`)}</p>${way?.steps ?? NOTHING}
<h2>${copyLead}</h2>
<p class="box address" id="address" data-token="${token}">${shown(shortUrl)}</p>
<button class="button" id="copy" type="button" hidden data-done="${words.copied}" data-failed="${words.notCopied}">${words.copy}</button>
<p id="said" role="status"></p>`,
    )
  }
}

function shown(url: string): string {
  return url.length <= SHOWN_URL_MAX ? url : url.replace(/\?.*/s, "").slice(0, SHOWN_URL_MAX)
}

type Words = {
  title: string
  lead: (app: string) => Html
  target: (host: Html) => Html
  orCopy: string
  elseCopy: string
  onlyCopy: string
  copy: string
  copied: string
  notCopied: string
}

const TEXTS: Record<Language, Words> = {
  "zh-CN": {
    title: "请在浏览器中打开",
    lead: (app) => html`这个链接不能在${app}里打开，请按下面的步骤换到手机或电脑的浏览器。`,
    target: (host) => html`打开后将前往 ${host}`,
    orCopy: "也可以复制地址，粘贴到浏览器",
    elseCopy: "没有这一项？复制地址，粘贴到浏览器",
    onlyCopy: "请复制地址，粘贴到浏览器的地址栏",
    copy: "复制地址",
    copied: "已复制。请打开浏览器，粘贴到地址栏。",
    notCopied: "未能复制。请长按上面的地址，再选择“复制”。",
  },
  en: {
    title: "Please open this in your browser",
    lead: (app) =>
      html`This link does not open inside ${app}. Please move on to the browser of your phone or computer.`,
    target: (host) => html`It leads to ${host}`,
    orCopy: "Or copy the address into your browser",
    elseCopy: "No such entry? Copy the address into your browser",
    onlyCopy: "Copy the address and paste it into your browser",
    copy: "Copy the address",
    copied: "Copied. Now open your browser and paste it there.",
    notCopied: "Could not copy. Please press and hold the address above, then choose “Copy”.",
  },
}
