import { createHmac } from "node:crypto"
import t from "tap"
import { isInForce, syntheticExpiryMs, syntheticValue } from "../src/synthetic.ts"

const SECRET = "a secret of at least 32 characters"
const WEEK_MS = 7 * 86_400_000

t.test("the signature is the documented one", async (t) => {
  const hmac = createHmac("sha256", SECRET).update("qiao-synthetic.1800000000").digest("base64url")
  t.equal(syntheticValue(SECRET, 1_800_000_000), `1800000000.${hmac}`)
})

t.test("a value says when it expires, and one that was changed by a single character never", async (t) => {
  const value = syntheticValue(SECRET, 1_800_000_000)
  t.equal(syntheticExpiryMs(SECRET, value), 1_800_000_000_000)
  t.equal(syntheticExpiryMs(`${SECRET}.`, value), 0)
  for (let i = 0; i < value.length - 1; i++) {
    const other = value[i] === "7" ? "8" : "7"
    t.equal(syntheticExpiryMs(SECRET, value.slice(0, i) + other + value.slice(i + 1)), 0, `character ${i}`)
  }
})

t.test("a value is in force until it expires, and never for longer than a week", async (t) => {
  const expiryMs = 1_800_000_000_000
  t.equal(isInForce(expiryMs, expiryMs - 1), true)
  t.equal(isInForce(expiryMs, expiryMs), false)
  t.equal(isInForce(expiryMs, expiryMs - WEEK_MS), true)
  t.equal(isInForce(expiryMs, expiryMs - WEEK_MS - 1), false)
  t.equal(isInForce(0, 0), false)
})
