import { createGuide, type GuideRequest } from "./guide.ts"
import { documentOf, type Page, pageHeaders, pageOf } from "./layout.ts"
import { FIXED, FIXED_PAGES, type FixedPage, LANGUAGES, type Language, STATUS } from "./texts.ts"

export type Pages = {
  fixed(name: FixedPage, language: Language): Page
  guide(request: GuideRequest): Page
}

/** Every page, built once. */
export function createPages(): Pages {
  const fixed = new Map(
    LANGUAGES.flatMap((language) =>
      FIXED_PAGES.map((name) => [language + name, fixedPage(name, language)] as const),
    ),
  )
  return {
    fixed(name, language) {
      const page = fixed.get(language + name)
      if (page === undefined) throw new Error(`no page ${name} in ${language}`)
      return page
    },
    guide: createGuide(),
  }
}

function fixedPage(name: FixedPage, language: Language): Page {
  const { title, body } = FIXED[language][name]
  const html = documentOf(language, title, `<h1>${title}</h1><p>${body}</p>`)
  return pageOf(STATUS[name], pageHeaders(language), html)
}
