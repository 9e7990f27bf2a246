import { GLYPH_STYLE, GLYPHS, type Glyph } from "./glyphs.ts"
import { html } from "./html.ts"
import type { Layout, Page } from "./layout.ts"
import { FIXED, type FixedPage, type Language, STATUS } from "./texts.ts"

const FIXED_GLYPHS: Record<FixedPage, Glyph> = {
  denied: "barred",
  gone: "broken",
  not_found: "link",
  not_started: "clock",
  banned: "barred",
  too_long: "notice",
  unavailable: "clock",
  misdirected: "notice",
  limited: "clock",
  failed: "notice",
}

/** Each page is made when it is first asked for, and then is the same for everyone. */
export function createFixed(layout: Layout): (name: FixedPage, language: Language) => Page {
  const made = new Map<string, Page>()
  return (name, language) => {
    const key = language + name
    const page = made.get(key) ?? fixedPage(layout, name, language)
    made.set(key, page)
    return page
  }
}

function fixedPage(layout: Layout, name: FixedPage, language: Language): Page {
  const { title, body } = FIXED[language][name]
  const main = html`${GLYPHS[FIXED_GLYPHS[name]]}<h1>${title}</h1><p>${body}</p>`
  return layout({ language, title, style: GLYPH_STYLE })(STATUS[name], main)
}
