import t from "tap"
import { type BanSet, isAnswerBanned, isDomainBanned, isTargetBanned, NO_BANS } from "../src/ban-set.ts"
import { compileRule, decide } from "../src/decide.ts"
import { effectiveLink } from "../src/effective-link.ts"
import type { Rule } from "../src/rule.ts"
import { PLAIN_DOMAIN } from "./support/domain.ts"
import { PLAIN_LINK } from "./support/link.ts"
import { VISIT } from "./support/visit.ts"

const bans: BanSet = { ...NO_BANS, hosts: new Set(["evil.example"]), domains: new Set(["s.example.com"]) }

t.test("a banned host is banned with its subdomains, and nothing that only looks like it", async (t) => {
  for (const host of [
    "evil.example",
    "a.b.evil.example",
    "EVIL.example:8443",
    "evil.example.",
    "evil.example..",
    "s.example.com",
  ]) {
    t.equal(isTargetBanned(bans, `https://${host}/x`), true, host)
  }
  for (const host of ["notevil.example", "example", "evil.example.com", "a.s.example.com", "[::1]"]) {
    t.equal(isTargetBanned(bans, `https://${host}/evil.example`), false, host)
  }
  t.equal(isTargetBanned(NO_BANS, "https://evil.example/"), false)
})

t.test("a domain is banned by its host or by its workspace", async (t) => {
  t.equal(isDomainBanned(bans, PLAIN_DOMAIN), true)
  t.equal(isDomainBanned({ ...NO_BANS, workspaces: new Set(["wsp_plain"]) }, PLAIN_DOMAIN), true)
  t.equal(isDomainBanned({ ...NO_BANS, workspaces: new Set(["wsp_other"]) }, PLAIN_DOMAIN), false)
})

t.test("every answer that leads to a banned host is banned, whatever produced it", async (t) => {
  const evil = "https://a.evil.example/"
  const leads = (then: Rule["then"], visit = VISIT) => {
    const link = { ...PLAIN_LINK, rules: [compileRule({ when: {}, then })] }
    const decision = decide(link, visit)
    return isAnswerBanned(bans, link, decision, decision.kind === "redirect" ? decision.url : null)
  }
  t.equal(leads({ redirect: evil }), true)
  t.equal(leads({ redirect: "https://good.example/" }), false)
  t.equal(leads({ app: { ios: { universalLink: evil } } }), true)
  t.equal(leads({ app: { ios: { scheme: "myapp://evil.example/", store: evil } } }), true)
  t.equal(leads({ app: { ios: { scheme: "myapp://evil.example/" }, web: evil } }), true)
  t.equal(leads({ app: { ios: { scheme: "myapp://x" } } }), false)
  t.equal(leads({ miniProgram: { appId: "wx0123456789abcdef", name: "a", web: evil } }), true)
  t.equal(leads({ deny: true }), false)
  const guided = { ...PLAIN_LINK, url: evil, guidePlatforms: new Set(["wechat" as const]) }
  t.equal(isAnswerBanned(bans, guided, decide(guided, VISIT), null), true, "a guide page leads there, too")
})

t.test("a link gets its domain's expiredUrl and its rule set's rules, its own first", async (t) => {
  const rules = [compileRule({ name: "own", when: {}, then: { deny: true } })]
  const shared = { rules: [compileRule({ name: "shared", when: {}, then: { guide: true } })] }
  const domain = { expiredUrl: "https://over.example/" }
  t.equal(effectiveLink(PLAIN_LINK, { expiredUrl: null }, null), PLAIN_LINK, "a plain link is itself")
  t.equal(effectiveLink(PLAIN_LINK, domain, null).expiredUrl, domain.expiredUrl)
  t.equal(
    effectiveLink({ ...PLAIN_LINK, expiredUrl: "https://own/" }, domain, shared).expiredUrl,
    "https://own/",
  )
  t.same(
    effectiveLink({ ...PLAIN_LINK, rules }, domain, shared).rules.map(({ rule }) => rule.name),
    ["own", "shared"],
  )
})
