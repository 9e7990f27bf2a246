import type { Platform } from "@qiao/core/platform.ts"
import { documentOf, escapeHtml, type Page, pageHeaders, pageOf } from "./layout.ts"
import {
  APP_NAMES,
  APP_UNNAMED,
  GUIDE,
  LANGUAGES,
  type Language,
  MENUS,
  type Menu,
  STEPS,
  WECHAT_FAMILY,
  WITHOUT_MENU,
} from "./texts.ts"

/** What is filled into a guide page. `shortUrl` is the address the visitor opened, `targetHost` where it leads. */
export type GuideRequest = {
  language: Language
  platform: Platform
  os: string
  targetHost: string
  shortUrl: string
}

/** Keeps the page small. A longer address is shown without its query; the script puts in the whole one. */
const SHOWN_URL_MAX = 1_024

/**
 * Copies the page's own address: clipboard, else a selected textarea, else the visitor's own fingers. Says "copied" only if it was.
 * Written for the web views of ten years ago.
 */
export const COPY_SCRIPT = `(function(){var address=document.getElementById("address"),button=document.getElementById("copy"),said=document.getElementById("said"),url=location.href.split("#")[0];
address.textContent=url;button.hidden=false;
function say(done){said.textContent=button.getAttribute(done?"data-done":"data-failed")}
function old(){var area=document.createElement("textarea"),done=false;area.value=url;area.readOnly=true;area.style.position="fixed";area.style.opacity="0";document.body.appendChild(area);area.select();area.setSelectionRange(0,url.length);try{done=document.execCommand("copy")}catch(e){}document.body.removeChild(area);button.focus();return done}
button.onclick=function(){if(navigator.clipboard&&navigator.clipboard.writeText)navigator.clipboard.writeText(url).then(function(){say(true)},function(){say(old())});else say(old())}})()`

/** Builds every variant once; a request only fills in text. */
export function createGuide(): (request: GuideRequest) => Page {
  const variants = new Map(
    LANGUAGES.flatMap((language) =>
      MENUS.map((menu) => [language + menu, variantOf(language, menu)] as const),
    ),
  )
  const headers = {
    "zh-CN": pageHeaders("zh-CN", COPY_SCRIPT),
    en: pageHeaders("en", COPY_SCRIPT),
  }
  return ({ language, platform, os, targetHost, shortUrl }) => {
    const parts = variants.get(language + menuOf(platform, os)) ?? []
    const slots: Record<string, string> = {
      app: APP_NAMES[platform]?.[language] ?? APP_UNNAMED[language],
      host: escapeHtml(targetHost),
      url: escapeHtml(shownUrl(shortUrl)),
    }
    // Odd parts are the names of slots.
    const html = parts.map((part, i) => (i % 2 === 0 ? part : (slots[part] ?? ""))).join("")
    return pageOf(200, headers[language], html)
  }
}

function variantOf(language: Language, menu: Menu): string[] {
  const text = GUIDE[language]
  const steps = STEPS[language][menu].map((step) => `<li>${step}</li>`).join("")
  const main = `<h1>${text.title}</h1><p>${text.lead}</p>
${steps === "" ? "" : `<ol>${steps}</ol>`}
<p>${steps === "" ? text.onlyCopy : text.orCopy}</p>
<p class="address" id="address">{{url}}</p>
<p><button id="copy" type="button" hidden data-done="${text.copied}" data-failed="${text.notCopied}">${text.copy}</button></p>
<p id="said" role="status"></p>
<p class="soft">${text.target.replace("{{host}}", '<strong class="host">{{host}}</strong>')}</p>`
  return documentOf(language, text.title, main, COPY_SCRIPT).split(/\{\{(\w+)\}\}/)
}

function menuOf(platform: Platform, os: string): Menu {
  if (WITHOUT_MENU.has(platform)) return "none"
  if (!WECHAT_FAMILY.has(platform)) return "menu"
  if (os === "ios") return "wechat_ios"
  return os === "windows" || os === "macos" || os === "linux" ? "wechat_desktop" : "wechat_android"
}

function shownUrl(url: string): string {
  return url.length <= SHOWN_URL_MAX ? url : url.replace(/\?.*/s, "").slice(0, SHOWN_URL_MAX)
}
