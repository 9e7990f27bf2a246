import type { Platform } from "@qiao/core/platform.ts"
import type { Os } from "@qiao/core/visitor.ts"
import { type Html, html } from "./html.ts"
import { type Menu, menuOf } from "./menus.ts"
import { PICTURE_STYLE, pictureOf } from "./picture.ts"
import { APP_NAMES, APP_UNNAMED, type Language } from "./texts.ts"

export const STEPS_STYLE = `
  ol{margin:0 0 24px;padding:0;list-style:none;counter-reset:step}
  li{position:relative;margin:0 0 12px;padding:0 0 0 2.5em;font-weight:600;counter-increment:step}
  li:before{content:counter(step);position:absolute;left:0;top:-.125em;display:flex;align-items:center;justify-content:center;width:1.75em;height:1.75em;border:1px solid var(--mark);border-radius:50%;background:var(--act);color:var(--on)}`

export const WAY_OUT_STYLE = PICTURE_STYLE + STEPS_STYLE

/** Safari's VoiceOver takes a list that draws its own numbers for none. */
export const stepsOf = (steps: (string | Html)[]): Html =>
  html`<ol role="list">${steps.map((step) => html`<li>${step}</li>`)}</ol>`

/** How to get from an app's own browser to the visitor's: a picture and the steps. Null where there is no way but copying. */
export function wayOut(
  platform: Platform,
  os: Os,
  language: Language,
): { steps: Html; isSure: boolean } | null {
  const menu = menuOf(platform, os)
  if (menu === null) return null
  const [label = ""] = menu.entry[language]
  const buttonStep = BUTTON_STEPS[language][`${menu.at} ${menu.button}`] ?? ""
  const steps = stepsOf([buttonStep, entryStep(menu, language)])
  return { steps: html`${pictureOf(menu, label)}${steps}`, isSure: menu.isSure }
}

type Buttons = Partial<Record<`${Menu["at"]} ${Menu["button"]}`, string>>

const BUTTON_STEPS: Record<Language, Buttons> = {
  "zh-CN": {
    "top dots": "点击右上角的 ···",
    "top kebab": "点击右上角的 ⋮",
    "top share": "点击右上角的分享箭头或 ···",
    "bottom dots": "点击底部的 ···",
    "bottom kebab": "点击底部的 ⋮",
    "bottom share": "点击底部的分享图标",
    "window dots": "点击窗口右上方的 ··· 或浏览器图标",
  },
  en: {
    "top dots": "Tap ··· at the top right",
    "top kebab": "Tap ⋮ at the top right",
    "top share": "Tap the share arrow or ··· at the top right",
    "bottom dots": "Tap ··· at the bottom",
    "bottom kebab": "Tap ⋮ at the bottom",
    "bottom share": "Tap the share icon at the bottom",
    "window dots": "Click ··· or the browser icon at the top right of the window",
  },
}

function entryStep({ entry, isSure }: Menu, language: Language): Html {
  const names = entry[language]
  if (language === "zh-CN") {
    return html`选择${names.map((name) => `“${name}”`).join("或")}${isSure ? "" : "或意思相近的一项"}`
  }
  const quoted = names.map((name, i) => html`${i === 0 ? "" : " or "}${quotedInEnglish(name)}`)
  return html`Choose ${quoted}${isSure ? "" : ", or the like"}`
}

/** With its meaning where the app shows it in Chinese to everyone. */
function quotedInEnglish(name: string): Html {
  if (!/\p{Script=Han}/u.test(name)) return html`“${name}”`
  const meaning = name.includes("Safari") ? "open in Safari" : "open in browser"
  return html`“<span lang="zh-CN">${name}</span>” (${meaning})`
}

export function appName(platform: Platform, language: Language): string {
  return APP_NAMES[platform]?.[language] ?? APP_UNNAMED[language]
}
