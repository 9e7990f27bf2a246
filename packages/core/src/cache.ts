/** A bounded map of what was asked for lately. */
export type Cache<Value> = {
  get(key: string): Value | undefined
  /** Without being asked for. */
  peek(key: string): Value | undefined
  set(key: string, value: Value): void
  delete(key: string): void
  clear(): void
  readonly size: number
  /** The sum of `bytesOf`. */
  readonly sizeBytes: number
}

/**
 * At most `max` values, but two at least, in two generations of half the bounds each: what is asked for moves to the younger one, and when
 * that is full the older one is dropped as a whole. A hit is one look-up and leaves no trace, where keeping the exact order (lru-cache)
 * takes several times as long: an edge asks six times a request.
 */
export function createCache<Value extends NonNullable<unknown>>(options: {
  max: number
  maxBytes?: number
  bytesOf?: (value: Value) => number
}): Cache<Value> {
  const { bytesOf = () => 0 } = options
  const half = Math.max(1, Math.floor(options.max / 2))
  const halfBytes = (options.maxBytes ?? Number.POSITIVE_INFINITY) / 2
  let young = newGeneration<Value>()
  let old = newGeneration<Value>()

  const drop = (generation: Generation<Value>, key: string) => {
    const value = generation.values.get(key)
    if (value === undefined) return
    generation.values.delete(key)
    generation.bytes -= bytesOf(value)
  }

  const set = (key: string, value: Value) => {
    const bytes = bytesOf(value)
    drop(young, key)
    drop(old, key)
    if (bytes > halfBytes) return
    if (young.values.size >= half || young.bytes + bytes > halfBytes) {
      old = young
      young = newGeneration()
    }
    young.values.set(key, value)
    young.bytes += bytes
  }

  return {
    get(key) {
      const known = young.values.get(key)
      if (known !== undefined) return known
      const aged = old.values.get(key)
      if (aged !== undefined) set(key, aged)
      return aged
    },
    peek: (key) => young.values.get(key) ?? old.values.get(key),
    set,
    delete(key) {
      drop(young, key)
      drop(old, key)
    },
    clear() {
      young = newGeneration()
      old = newGeneration()
    },
    get size() {
      return young.values.size + old.values.size
    },
    get sizeBytes() {
      return young.bytes + old.bytes
    },
  }
}

type Generation<Value> = { values: Map<string, Value>; bytes: number }

const newGeneration = <Value>(): Generation<Value> => ({ values: new Map(), bytes: 0 })
