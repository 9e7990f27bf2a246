import { createCache } from "@qiao/core/cache.ts"

const MEMO_MAX = 10_000
/** Longer texts are rare or hostile: not kept. */
const MEMO_LENGTH_MAX = 512

/** Remembers the answers of a function of a header's value or an address that is pure until `forget`. */
export function memoise<T extends NonNullable<unknown>>(
  answerTo: (value: string) => T,
): ((value: string) => T) & { forget(): void } {
  const memo = createCache<T>({ max: MEMO_MAX })
  const answer = (value: string) => {
    const known = memo.get(value)
    if (known !== undefined) return known
    const answered = answerTo(value)
    if (value.length <= MEMO_LENGTH_MAX) memo.set(value, answered)
    return answered
  }
  return Object.assign(answer, { forget: memo.clear })
}
