import type { MiniProgramTarget } from "@qiao/core/app.ts"
import { LRUCache } from "lru-cache"
import { GLYPH_STYLE, GLYPHS } from "./glyphs.ts"
import { type Html, hostIn, hrefOf, html } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { OPEN_TAG_SCRIPT, openTagOf, openTagPermissions } from "./open-tag.ts"
import { OPENING_SCRIPT, OPENING_STYLE, openingLink } from "./opening.ts"
import { byLanguage, LANGUAGES, type Language } from "./texts.ts"
import { STEPS_STYLE, stepsOf } from "./way-out.ts"

/** `signatureUrl` signs addresses for WeChat's JS-SDK: `?url=` → `{appId, timestamp, nonceStr, signature}`; null where there is none. */
export type MiniProgramRequest = {
  language: Language
  target: MiniProgramTarget
  signatureUrl: string | null
}

/** Domains mostly share theirs. */
const SIGNERS_MAX = 50

const STYLE = GLYPH_STYLE + OPENING_STYLE + STEPS_STYLE

export function createMiniProgram(layout: Layout): (request: MiniProgramRequest) => Page {
  const frames = byLanguage((language) => ({ language, title: TEXTS[language].title, style: STYLE }))
  const inside = byLanguage((language) => layout(frames[language]))
  const outside = byLanguage((language) => layout({ ...frames[language], script: OPENING_SCRIPT }))
  const tagged = new LRUCache<string, ReturnType<Layout>>({ max: SIGNERS_MAX * LANGUAGES.length })

  /** Null where the page may not have the tag. */
  const taggedFor = (language: Language, signatureUrl: string): ReturnType<Layout> | null => {
    const key = `${language} ${signatureUrl}`
    const made = tagged.get(key)
    if (made !== undefined) return made
    const permissions = openTagPermissions(signatureUrl)
    if (permissions === null) return null
    const page = layout({ ...frames[language], script: OPEN_TAG_SCRIPT, permissions })
    tagged.set(key, page)
    return page
  }

  return ({ language, target, signatureUrl }) => {
    const words = TEXTS[language]
    if (!target.isInside) {
      const { lead, open, late } = words
      return outside[language](
        200,
        mainOf(target, words, html`<p>${lead}</p>${openingLink(target.open, open, late)}`),
      )
    }
    const page = signatureUrl === null ? null : taggedFor(language, signatureUrl)
    if (signatureUrl === null || page === null) {
      return inside[language](200, mainOf(target, words, howToFind(target, words)))
    }
    const tag = html`${openTagOf(target, signatureUrl, words.open)}<p id="said" role="status" data-failed="${words.failed}"></p>`
    return page(200, mainOf(target, words, html`${tag}${howToFind(target, words)}`))
  }
}

function mainOf({ name, web }: MiniProgramTarget, words: Words, ways: Html): Html {
  return html`${GLYPHS.app}<h1>${words.named(name)}</h1>${ways}
<a class="button other" href="${hrefOf(web)}">${words.web(html`<strong>${hostIn(web)}</strong>`)}</a>`
}

/** Stands on every page in WeChat, as nobody can tell beforehand whether the open tag will draw itself. */
function howToFind({ name }: MiniProgramTarget, words: Words): Html {
  return html`<h2>${words.find}</h2>${stepsOf(words.steps(name))}`
}

type Words = Record<"title" | "lead" | "open" | "late" | "failed" | "find", string> & {
  named: (name: string) => string
  steps: (name: string) => string[]
  web: (host: Html) => Html
}

const TEXTS: Record<Language, Words> = {
  "zh-CN": {
    title: "打开微信小程序",
    named: (name) => `打开小程序“${name}”`,
    lead: "这个链接通往一个微信小程序，可以从这里打开微信进入。",
    open: "打开小程序",
    late: "没有打开？可能还没有安装微信。您可以继续访问网页。",
    failed: "没能打开小程序，请按下面的方法进入。",
    find: "在微信中找到它",
    steps: (name) => ["回到微信首页，点击上方的搜索", `输入“${name}”，在结果中选择小程序`],
    web: (host) => html`继续访问网页 ${host}`,
  },
  en: {
    title: "Open a WeChat mini program",
    named: (name) => `Open the mini program “${name}”`,
    lead: "This link leads to a mini program in WeChat. You can open WeChat from here.",
    open: "Open the mini program",
    late: "It did not open? You may not have WeChat. You can go on to the web page.",
    failed: "The mini program could not be opened. Please find it as described below.",
    find: "Find it in WeChat",
    steps: (name) => [
      "Go to WeChat’s front page and tap Search",
      `Enter “${name}” and choose the mini program`,
    ],
    web: (host) => html`Go on to the web page at ${host}`,
  },
}
