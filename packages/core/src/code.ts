import { customAlphabet } from "nanoid"

/** `nolookalikes` of nanoid-dictionary: no 0 O o, 1 I l, 2 Z, 5 S s, u v. */
export const CODE_ALPHABET = "346789ABCDEFGHJKLMNPQRTUVWXYabcdefghijkmnpqrtwxyz"

const CODE_LENGTH_MAX = 128

/** One new code in this many may hit a taken one; a hit costs one more try, never an error. */
const COLLISION_ODDS = 10_000

/** What most codes are made of; neither case nor composition has another form of it. */
const PLAIN_CODE = /^[A-Za-z0-9_-]{1,128}$/

const CODE = /^[\p{L}\p{Nd}_-][\p{L}\p{M}\p{Nd}_-]*$/u

/**
 * The shortest length at which a new random code hits one of `expectedLinks` taken codes at most once in 10,000 tries:
 * `expectedLinks / alphabet^length <= 1/10,000`. 10 million links need 7 characters (a hit once in 67,000 tries).
 */
export function codeLengthFor(expectedLinks: number): number {
  const length = Math.log(expectedLinks * COLLISION_ODDS) / Math.log(CODE_ALPHABET.length)
  return Math.max(4, Math.ceil(length))
}

/** Makes codes of `length` characters from a cryptographic random source. */
export function codeGenerator(length: number): () => string {
  return customAlphabet(CODE_ALPHABET, length)
}

export type CodeFault = "code_empty" | "code_too_long" | "code_not_nfc" | "code_bad_character"

/** What is wrong with a custom code, or null. Length counts code points. */
export function codeFault(code: string): CodeFault | null {
  if (code === "") return "code_empty"
  if (code.length > CODE_LENGTH_MAX && [...code].length > CODE_LENGTH_MAX) return "code_too_long"
  if (!CODE.test(code)) return "code_bad_character"
  if (code.normalize("NFC") !== code) return "code_not_nfc"
  return null
}

/**
 * The code in a request's first path segment: percent-decoded once and brought to NFC, as keyboards differ in what they send.
 * Null for anything that cannot be a code (malformed escapes included).
 */
export function parseCode(segment: string): string | null {
  if (PLAIN_CODE.test(segment)) return segment
  let code = segment
  if (segment.includes("%")) {
    try {
      code = decodeURIComponent(segment)
    } catch {
      return null
    }
  }
  code = code.normalize("NFC")
  return codeFault(code) === null ? code : null
}

/** The form under which a code is unique on its domain. */
export function codeKey(code: string, caseSensitive: boolean): string {
  return caseSensitive ? code : code.toLowerCase().normalize("NFC")
}
