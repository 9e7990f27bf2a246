import { domainToUnicode } from "node:url"
import { lookAlikes, twins } from "./look-alike-letters.ts"

export type LookAlike = {
  /** The host as browsers may show it. */
  shown: string
  /** Whether it is written as no honest name is: scripts mixed, invisible characters, a foreign word that reads as ASCII. */
  isSuspicious: boolean
  /** The ASCII host it reads as once accents are dropped and look-alike letters replaced; null when other letters remain. */
  looksLike: string | null
}

/** What a host with punycode in it shows as; null for one without. Names in one language, accents included, are not suspicious. */
export function lookAlikeOf(host: string): LookAlike | null {
  if (!isPunycode(host)) return null
  const shown = domainToUnicode(host)
  const labels = shown.split(".")
  const endsInAscii = isAscii(labels.at(-1) ?? "")
  const read = labels.map(asciiOf).join(".")
  return {
    shown,
    isSuspicious: labels.some((label) => isSuspicious(label) || (endsInAscii && readsAsAscii(label))),
    looksLike: isAscii(read) && !isPunycode(read) ? read : null,
  }
}

/** As the "highly restrictive" level of UTS 39, section 5.2: one script, or Latin with those of Chinese, Japanese or Korean. */
const SCRIPTS =
  "Arab Armn Beng Cyrl Deva Ethi Geor Grek Gujr Guru Hebr Khmr Knda Laoo Mlym Mymr Orya Sinh Taml Telu Thaa Thai Tibt"
const WRITINGS = [...SCRIPTS.split(" "), "Latn Hani Bopo", "Latn Hani Hira Kana", "Latn Hani Hang"].map(
  (scripts) => {
    const classes = `${scripts} Zyyy Zinh`.split(" ").map((script) => `\\p{scx=${script}}`)
    return new RegExp(`^[${classes.join("")}]+$`, "v")
  },
)

/** What is in no honest name. */
const ODDITIES = [
  // Symbols: some pass for a slash or a dot.
  /[^\p{L}\p{M}\p{Nd}〇・_\-]/v,
  // Invisible characters, accents on letters that never have them, the same accent twice.
  /\p{DI}|[\u0300-\u036f]|(\p{Mn})\1/v,
  // Phonetic letters that no orthography took over, clicks, small capitals.
  /[[\u0250-\u02ff]--[ɓɔɖɗəɛɣɨɩɲʉʊʋʌʒ]]|[ƅ\u01c0-\u01c3\u1d00-\u1dbf\ua720-\ua7ff\uab30-\uab6f]/v,
  // Digits of two kinds.
  /[0-9].*[\p{Nd}--[0-9]]|[\p{Nd}--[0-9]].*[0-9]/v,
  // Chinese and Japanese characters that are mere strokes, among nothing but ASCII.
  /^(?=.*[a-z0-9])[a-z0-9_\-一丨丶丿乀乁乛七丅十工丁讠〇ノソゾンーㄧㄒㄚㄟㄨㄩㄈ丩丫乂]+$/v,
]

function isSuspicious(label: string): boolean {
  if (isAscii(label)) return isPunycode(label)
  return !WRITINGS.some((writing) => writing.test(label)) || ODDITIES.some((oddity) => oddity.test(label))
}

/** Whether a label of another script has no letter that does not read as ASCII. */
function readsAsAscii(label: string): boolean {
  const foreign = withoutAccents(label).match(/[^\0-\x7f]/gv) ?? []
  return foreign.length > 0 && foreign.every((letter) => twins.has(letter))
}

function asciiOf(label: string): string {
  const replacements = /[a-z]/.test(label) ? lookAlikes : twins
  return Array.from(withoutAccents(label), (letter) => replacements.get(letter) ?? letter).join("")
}

const withoutAccents = (text: string) => text.normalize("NFD").replaceAll(/\p{M}/gv, "")

const isAscii = (text: string) => /^[\0-\x7f]*$/.test(text)

/** True of what is shown only when a label stands for nothing valid. */
const isPunycode = (host: string) => /(?:^|\.)xn--/.test(host)
