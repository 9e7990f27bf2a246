import { namesAbove } from "@qiao/core/host.ts"
import t from "tap"
import { seededRandom } from "../../../../packages/core/test/support/random.ts"
import { createHashList, hasText } from "../../src/safety/hash-list.ts"

t.test("every host put in is found, with its subdomains; 100,000 others are not", async (t) => {
  const random = seededRandom(t)
  const seed = random.below(2 ** 32)
  const label = () =>
    random
      .next()
      .toString(36)
      .slice(2, 4 + random.below(8))
  const host = (end: string) =>
    Array.from({ length: 1 + random.below(3) }, label)
      .concat(end)
      .join(".")
  const listed = Array.from({ length: 100_000 }, () => host("listed.example"))
  const list = createHashList(listed.length, seed)
  for (const name of listed) list.add(name)
  const hashes = list.seal()
  const isBlocked = (name: string) => namesAbove(name).some((above) => hasText(hashes, above, seed))

  t.equal(hashes.length, new Set(listed).size, "as many hashes as hosts")
  t.same(
    listed.filter((name) => !isBlocked(name)),
    [],
  )
  t.same(
    listed.filter((name) => !isBlocked(`${label()}.${name}`)),
    [],
    "subdomains",
  )
  const others = Array.from({ length: 100_000 }, () => host("other.example"))
  t.same(others.filter(isBlocked), [])
})

t.test("hosts that differ in little have a hash each", async (t) => {
  const list = createHashList(300_000, 1)
  for (let i = 0; i < 300_000; i++) list.add(`${i.toString(36)}.example.com`)
  t.equal(list.seal().length, 300_000)
})

t.test("an empty list has nothing in it", async (t) => {
  t.notOk(hasText(createHashList(0, 1).seal(), "a.example", 1))
})
