import t from "tap"
import { languageOf } from "../src/language.ts"
import { isQuick } from "./support/quick.ts"

t.test("the language is the one wanted most, as language or language-REGION", async (t) => {
  const wanted: readonly (readonly [string | undefined, string])[] = [
    ["zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"],
    ["en", "en"],
    ["en;q=0.1, fr", "fr"],
    ["EN-us; q=0.5 , ja ;q=0.7", "ja"],
    ["de;q=0.8,fr;q=0.8", "de"],
    ["zh-Hans-CN;q=1, en-US;q=0.9", "zh-CN"],
    ["zh-Hant-TW", "zh-TW"],
    ["zh-Hant", "zh"],
    ["zh_CN", "zh-CN"],
    ["ZH-cn", "zh-CN"],
    ["es-419", "es-419"],
    ["sl-rozaj-biske", "sl"],
    ["iw-il", "he-IL"],
    ["*", ""],
    ["*;q=0.5, pt-BR;q=0.3", "pt-BR"],
    ["en;q=0", ""],
    ["en;q=1.5, fr;q=x, it;q=0.2", "it"],
    ["i-klingon, x-pig-latin", ""],
    ["und", ""],
    ["", ""],
    [undefined, ""],
  ]
  for (const [header, language] of wanted) t.equal(languageOf(header), language, String(header))
})

t.test("a hostile Accept-Language neither throws nor blows up nor makes a long word", async (t) => {
  const fragments = "a|-|,|;q=|zh-|zh;q=0.|\0|中|\uD800|aa-aaaa-|__proto__,|constructor,"
  for (const fragment of fragments.split("|")) {
    const header = fragment.repeat(16_384 / fragment.length)
    t.match(languageOf(header), /^(?:[a-z]{2,3}(?:-(?:[A-Z]{2}|\d{3}))?)?$/, JSON.stringify(fragment))
    t.ok(
      isQuick(() => languageOf(header)),
      JSON.stringify(fragment),
    )
  }
})
