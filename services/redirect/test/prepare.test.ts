import t from "tap"
import { PLAIN_DOMAIN } from "../../../packages/core/test/support/domain.ts"
import { PLAIN_LINK } from "../../../packages/core/test/support/link.ts"
import { effectiveOf, prepareLink } from "../src/prepare.ts"
import { rule } from "./support/rule.ts"

const RULES = { rules: [rule({}, { deny: true })] }
const EXPIRING = { ...PLAIN_DOMAIN, expiredUrl: "https://example.com/over" }

t.test("a plain link is decided upon as it is", async (t) => {
  t.equal(effectiveOf(prepareLink(PLAIN_LINK), PLAIN_DOMAIN, null), PLAIN_LINK)
})

t.test("what was merged stays until the domain or the rule set is another", async (t) => {
  const link = prepareLink({ ...PLAIN_LINK, ruleSetId: "rls_1" })
  const merged = effectiveOf(link, PLAIN_DOMAIN, RULES)
  t.equal(merged.rules.length, 1)
  t.equal(effectiveOf(link, { ...PLAIN_DOMAIN }, RULES), merged)
  const other = effectiveOf(link, PLAIN_DOMAIN, { rules: [] })
  t.equal(other.rules.length, 0)
  const expiring = effectiveOf(link, EXPIRING, RULES)
  t.equal(expiring.expiredUrl, EXPIRING.expiredUrl)
  t.equal(effectiveOf(link, EXPIRING, RULES), expiring)
  t.equal(effectiveOf(link, PLAIN_DOMAIN, RULES).expiredUrl, null)
})
