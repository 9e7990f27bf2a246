import { LRUCache } from "lru-cache"

const MEMO_MAX = 10_000
/** Longer texts are rare or hostile: not kept. */
const MEMO_LENGTH_MAX = 512

/** Remembers the answers of a function of a header's value or an address that is pure until `forget`. */
export function memoise<T extends NonNullable<unknown>>(
  answerTo: (value: string) => T,
): ((value: string) => T) & { forget(): void } {
  const memo = new LRUCache<string, T>({ max: MEMO_MAX, memoMethod: answerTo })
  const answer = (value: string) => (value.length > MEMO_LENGTH_MAX ? answerTo(value) : memo.memo(value))
  return Object.assign(answer, { forget: () => memo.clear() })
}
