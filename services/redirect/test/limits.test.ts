import t from "tap"
import { createLimit } from "../src/limits.ts"

const start = (options: { max?: number; keysMax?: number } = {}) => {
  const clock = { ms: 1_000 }
  const limit = createLimit({ max: 3, windowMs: 60_000, keysMax: 100, ...options, now: () => clock.ms })
  return { limit, clock }
}

t.test("so many a window, then the seconds until its end, whole and never 0", async (t) => {
  const { limit, clock } = start()
  t.same(
    [1, 2, 3].map(() => limit.take("a")),
    [0, 0, 0],
  )
  t.equal(limit.take("a"), 60)
  t.equal(limit.take("b"), 0, "each key has its own")
  clock.ms += 59_999
  t.equal(limit.take("a"), 1)
  clock.ms += 1
  t.same(
    [1, 2, 3].map(() => limit.take("a")),
    [0, 0, 0],
  )
  t.equal(limit.take("a"), 60)
})

t.test("what is given back can be taken again, but never more than was taken", async (t) => {
  const { limit } = start()
  for (let i = 0; i < 10; i++) {
    t.equal(limit.take("a"), 0)
    limit.giveBack("a")
  }
  limit.giveBack("a")
  limit.giveBack("never")
  t.same(
    [1, 2, 3].map(() => limit.take("a")),
    [0, 0, 0],
  )
  t.ok(limit.take("a") > 0)
})

t.test("of more than keysMax keys those not seen for longest are forgotten", async (t) => {
  const { limit } = start({ max: 1, keysMax: 2 })
  limit.take("a")
  limit.take("b")
  t.ok(limit.take("a") > 0)
  limit.take("c")
  t.ok(limit.take("a") > 0)
  t.equal(limit.take("b"), 0)
})
