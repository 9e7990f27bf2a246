import { createCache } from "@qiao/core/cache.ts"

const MEMO_MAX = 10_000
/** Longer texts are rare or hostile: not kept. */
const MEMO_LENGTH_MAX = 512

/**
 * Remembers the answers of a function of a header's value or an address that is pure until `forget`. The last one is compared first, as
 * to look one up takes several times as long: a new text has no hash yet.
 */
export function memoise<T extends NonNullable<unknown>>(
  answerTo: (value: string) => T,
): ((value: string) => T) & { forget(): void } {
  const memo = createCache<T>({ max: MEMO_MAX })
  let last: { value: string; answer: T } | null = null
  const lookUp = (value: string): T => {
    const known = memo.get(value)
    if (known !== undefined) return known
    const answer = answerTo(value)
    if (value.length <= MEMO_LENGTH_MAX) memo.set(value, answer)
    return answer
  }
  const answer = (value: string): T => {
    if (last === null || last.value !== value) last = { value, answer: lookUp(value) }
    return last.answer
  }
  const forget = () => {
    last = null
    memo.clear()
  }
  return Object.assign(answer, { forget })
}
