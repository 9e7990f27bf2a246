const ACCEPT_LANGUAGE_LENGTH_MAX = 256
const LANGUAGE_RANGE =
  /^\s*([a-z]{2,3})(?:[-_][a-z]{4})?(?:[-_]([a-z]{2}|\d{3}))?(?:[-_][a-z\d]{1,8})*\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/i

/**
 * The language an `Accept-Language` header wants most, as `language` or `language-REGION` in the case of BCP 47: `zh-Hant-TW`
 * is `zh-TW`. The first of equals wins; `""` when there is none.
 */
export function languageOf(acceptLanguage: string | undefined): string {
  let wanted = ""
  let weight = 0
  for (const range of (acceptLanguage ?? "").slice(0, ACCEPT_LANGUAGE_LENGTH_MAX).split(",")) {
    const [, language, region, q = "1"] = LANGUAGE_RANGE.exec(range) ?? []
    if (language === undefined || Number(q) <= weight) continue
    weight = Number(q)
    wanted = canonical(language.toLowerCase(), region?.toUpperCase())
  }
  return wanted
}

/** Codes that phones still send after their retirement. */
const SUCCESSORS: Readonly<Record<string, string>> = {
  cmn: "zh",
  in: "id",
  iw: "he",
  ji: "yi",
  mo: "ro",
  und: "",
}

function canonical(language: string, region: string | undefined): string {
  const current = SUCCESSORS[language] ?? language
  return current === "" || region === undefined ? current : `${current}-${region}`
}
