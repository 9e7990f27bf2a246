import { LRUCache } from "lru-cache"

const MEMO_MAX = 10_000
/** Longer header values are rare or hostile: not kept. */
const MEMO_LENGTH_MAX = 512

/** Remembers the answers of a pure function of a header's value. */
export function memoise<T extends NonNullable<unknown>>(
  answerTo: (value: string) => T,
): (value: string) => T {
  const memo = new LRUCache<string, T>({ max: MEMO_MAX, memoMethod: answerTo })
  return (value) => (value.length > MEMO_LENGTH_MAX ? answerTo(value) : memo.memo(value))
}
