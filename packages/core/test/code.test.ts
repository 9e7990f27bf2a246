import t from "tap"
import { CODE_ALPHABET, codeFault, codeGenerator, codeKey, codeLengthFor, parseCode } from "../src/code.ts"

t.test("new codes have the wanted length and only letters of the alphabet", async (t) => {
  const newCode = codeGenerator(7)
  const codes = Array.from({ length: 2_000 }, newCode)
  t.ok(
    codes.every((code) => code.length === 7 && [...code].every((letter) => CODE_ALPHABET.includes(letter))),
  )
  t.equal(new Set(codes).size, codes.length)
  t.notMatch(CODE_ALPHABET, /[0Oo1IlZ2S5suv]/)
})

t.test("a new code hits a taken one at most once in 10,000 tries", async (t) => {
  for (const links of [1, 1_000, 1_000_000, 10_000_000, 1_000_000_000]) {
    const length = codeLengthFor(links)
    t.ok(links / CODE_ALPHABET.length ** length <= 1 / 10_000, `${links} links, ${length} characters`)
  }
  t.equal(codeLengthFor(10_000_000), 7)
})

t.test("a custom code is letters, digits, - and _ in NFC, counted in code points", async (t) => {
  for (const good of ["a", "K-7_x", "春节", "Ünï", "नमस्ते", "𠮷".repeat(128), "a".repeat(128)]) {
    t.equal(codeFault(good), null, good)
  }
  const bad: [string, string][] = [
    ["", "code_empty"],
    ["a".repeat(129), "code_too_long"],
    ["𠮷".repeat(129), "code_too_long"],
    ["U\u0308", "code_not_nfc"],
    ["a b", "code_bad_character"],
    ["a/b", "code_bad_character"],
    ["a.b", "code_bad_character"],
    ["a+b", "code_bad_character"],
    ["a%20", "code_bad_character"],
    ["a\u0000", "code_bad_character"],
    ["\u0301a", "code_bad_character"],
    ["🎉", "code_bad_character"],
    ["\ud800", "code_bad_character"],
  ]
  for (const [code, fault] of bad) t.equal(codeFault(code), fault, JSON.stringify(code))
})

t.test("a path segment is decoded once, and what cannot be a code is none", async (t) => {
  t.equal(parseCode("k7Qm2xZ"), "k7Qm2xZ")
  t.equal(parseCode("%E6%98%A5"), "春")
  t.equal(parseCode("U%CC%88"), "Ü", "brought to NFC")
  for (const segment of ["", "%", "%zz", "%E6%98", "%2561", "a%2Fb", "robots.txt", "a%00", "%ED%A0%80"]) {
    t.equal(parseCode(segment), null, segment)
  }
})

t.test("only a case-insensitive domain folds case", async (t) => {
  t.equal(codeKey("Ab", true), "Ab")
  t.equal(codeKey("Ab", false), "ab")
  t.equal(codeKey("İ", false), codeKey(codeKey("İ", false), false), "folding twice changes nothing")
})
