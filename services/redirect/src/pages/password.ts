import { FORM_STYLE } from "./forms.ts"
import { GLYPH_STYLE, GLYPHS } from "./glyphs.ts"
import { html, NOTHING } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { byLanguage, type Language } from "./texts.ts"

type Fault = "wrong" | "busy" | "limited"

/** The form, with one field, `password`, is posted to the page's own address, whatever that carries. */
export type PasswordRequest = { language: Language; fault: Fault | null }

const FAULT_STATUS: Record<Fault, number> = { wrong: 403, busy: 503, limited: 429 }

/** Not 'self': Chromium holds the redirect that answers a form to its policy, and that one leaves us. */
const FORMS = "http: https:"

export function createPassword(layout: Layout): (request: PasswordRequest) => Page {
  const pages = byLanguage((language) => {
    const { title } = TEXTS[language]
    return layout({ language, title, style: GLYPH_STYLE + FORM_STYLE, permissions: { forms: FORMS } })
  })
  return ({ language, fault }) => {
    const words = TEXTS[language]
    const page = pages[language]
    // Told by the field, which has the focus: a page that opens with an alert is not read out everywhere.
    const told = fault === null ? NOTHING : html` autofocus aria-describedby="fault"`
    const wrong = fault === "wrong" ? html` aria-invalid="true"` : NOTHING
    return page(
      fault === null ? 403 : FAULT_STATUS[fault],
      html`${GLYPHS.lock}<h1>${words.title}</h1><p>${words.lead}</p>
<form method="post"><label for="password">${words.label}</label>
<input class="field" id="password" name="password" type="password" autocomplete="current-password" required${told}${wrong}>
${fault === null ? NOTHING : html`<p class="fault" id="fault">${words[fault]}</p>`}
<button class="button">${words.submit}</button></form>`,
    )
  }
}

type Words = Record<"title" | "lead" | "label" | "submit" | Fault, string>

const TEXTS: Record<Language, Words> = {
  "zh-CN": {
    title: "请输入访问密码",
    lead: "这个链接受密码保护。不知道密码的话，请向发给您链接的人索取。",
    label: "密码",
    submit: "打开链接",
    wrong: "密码不正确，请重新输入。",
    busy: "服务繁忙，还没有核对密码。请稍后再试。",
    limited: "尝试次数过多，请稍后再试。",
  },
  en: {
    title: "This link needs a password",
    lead: "It is protected. If you do not know the password, please ask whoever sent you the link.",
    label: "Password",
    submit: "Open the link",
    wrong: "That password is not right. Please try again.",
    busy: "The service is busy and has not checked the password. Please try again in a moment.",
    limited: "Too many attempts. Please wait a while before you try again.",
  },
}
