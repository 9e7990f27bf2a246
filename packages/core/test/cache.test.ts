import t from "tap"
import { createCache } from "../src/cache.ts"

t.test("at most as many as its bound, and what was asked for lately stays", async (t) => {
  const cache = createCache<number>({ max: 101 })
  for (let i = 0; i < 1_000; i++) {
    cache.set(`key ${i}`, i)
    t.equal(cache.get(`key ${i}`), i)
    if (i >= 3) t.equal(cache.get("key 3"), 3, "asked for again and again")
    if (cache.size > 101) t.fail(`${cache.size} are kept`)
  }
  for (let i = 960; i < 1_000; i++)
    t.equal(cache.get(`key ${i}`), i, "of the last half of the bound all are there")
  t.equal(cache.get("key 0"), undefined)
})

t.test("a sum of bytes bounds it too, and is right after every change", async (t) => {
  const cache = createCache<string>({ max: 1_000, maxBytes: 200, bytesOf: (value) => value.length })
  for (let i = 0; i < 500; i++) {
    cache.set(`key ${i % 70}`, "x".repeat(i % 30))
    if (i % 3 === 0) cache.delete(`key ${(i * 7) % 70}`)
    cache.get(`key ${(i * 3) % 70}`)
    t.ok(cache.sizeBytes <= 200)
  }
  t.ok(cache.sizeBytes > 50)
  for (let i = 0; i < 70; i++) cache.delete(`key ${i}`)
  t.same([cache.size, cache.sizeBytes], [0, 0])
})

t.test("what is larger than half of the bytes is not kept, nor what it would have replaced", async (t) => {
  const cache = createCache<string>({ max: 10, maxBytes: 100, bytesOf: (value) => value.length })
  cache.set("a", "small")
  cache.set("a", "x".repeat(51))
  t.equal(cache.get("a"), undefined)
  t.equal(cache.sizeBytes, 0)
})

t.test("cleared, it is empty", async (t) => {
  const cache = createCache<string>({ max: 4, bytesOf: () => 10 })
  for (const key of ["a", "b", "c"]) cache.set(key, key)
  cache.clear()
  t.same([cache.size, cache.sizeBytes, cache.get("a")], [0, 0, undefined])
})
