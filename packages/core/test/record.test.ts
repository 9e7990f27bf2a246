import t from "tap"
import { decodeBanSet, encodeBanSet } from "../src/ban-set.ts"
import { compileRule } from "../src/decide.ts"
import { type DomainRecord, decodeDomain, encodeDomain } from "../src/domain-record.ts"
import { BUCKETS, domainKey, linkKey, markerKey, markerKeyOf } from "../src/keys.ts"
import { decodeLink, encodeLink, type LinkRecord } from "../src/record.ts"
import { decodeRuleSet, encodeRuleSet } from "../src/rule-set-record.ts"
import { versionOf } from "../src/versioned.ts"
import { PLAIN_DOMAIN } from "./support/domain.ts"
import { PLAIN_LINK } from "./support/link.ts"

const version = { epoch: 3, revision: 41 }

const plain = PLAIN_LINK

const full: LinkRecord = {
  ...plain,
  redirectStatus: 308,
  enabled: false,
  banned: true,
  startsAt: 1,
  expiresAt: 2,
  expiredUrl: "https://example.com/over",
  maxClicks: 5,
  capWhenUnavailable: "open",
  password: { hash: "$scrypt$x", version: 3 },
  forwardQuery: false,
  forwardPath: true,
  guidePlatforms: new Set(["wechat", "qq"]),
  allowPlatforms: new Set(["douyin"]),
  ruleSetId: "rls_1",
}

t.test("a link comes back as it was written", async (t) => {
  for (const record of [plain, full, null])
    t.same(decodeLink(encodeLink(version, record)), { ...version, record })
})

t.test("a domain comes back as it was written", async (t) => {
  const full: DomainRecord = {
    host: "s",
    workspaceId: "wsp_1",
    caseSensitive: false,
    rootUrl: "https://a/",
    notFoundUrl: "https://b/",
    expiredUrl: "https://c/",
    files: new Map([["MP_verify_x.txt", Buffer.from([0, 255, 13, 10, 0xe6])]]),
    appleAppSiteAssociation: '{"applinks":{}}',
    assetLinks: "[]",
    robotsTxt: "User-agent: *\n",
    brand: { name: "桥", colour: "#0b5cad" },
    wechatSignatureUrl: "https://sign.example.com/",
  }
  for (const record of [PLAIN_DOMAIN, full, null]) {
    t.same(decodeDomain(encodeDomain(version, record)), { ...version, record })
  }
})

t.test("a rule set and the ban set come back as they were written", async (t) => {
  const rule = { when: { os: ["ios" as const] }, then: { deny: true as const } }
  const { record, ...read } = decodeRuleSet(encodeRuleSet(version, { rules: [compileRule(rule)] }))
  t.same(read, version)
  t.same(
    record?.rules.map((compiled) => compiled.rule),
    [rule],
  )
  t.equal(decodeRuleSet(encodeRuleSet(version, null)).record, null)
  const bans = {
    hosts: new Set(["a.example"]),
    domains: new Set(["s.example"]),
    workspaces: new Set(["wsp_1"]),
  }
  t.same(decodeBanSet(encodeBanSet(version, bans)), { ...version, record: bans })
})

t.test("a plain link takes its version, id and url, and no more", async (t) => {
  t.equal(encodeLink(version, plain), `3.41.${plain.id} ${plain.url}`)
})

t.test("the version can be read alone, and what has none throws", async (t) => {
  t.match(versionOf(encodeLink(version, plain)), version)
  for (const value of ["", "x", "1.", "1.x.{}", "a.1.{}", "{}", "1.2"]) {
    t.throws(() => decodeLink(value), { message: /not a record/ }, value)
  }
  for (const body of ["null", "{}", "lnk_1", "lnk_1 ftp://a/", " https://a/", "lnk_1 https://a/ x"]) {
    t.throws(() => decodeLink(`1.2.${body}`), body)
  }
})

t.test("a record and its marker share a hash tag, and records spread over all buckets", async (t) => {
  const tag = (key: string) => /\{(\d+)\}/.exec(key)?.[1]
  const tags = new Set<string | undefined>()
  for (let i = 0; i < 5_000; i++) {
    const key = linkKey("s.example.com", `code${i}`)
    t.equal(tag(key), tag(markerKeyOf(key)))
    tags.add(tag(key))
  }
  t.equal(tags.size, BUCKETS)
  const key = domainKey("s.example.com")
  t.equal(markerKeyOf(key), markerKey(Number(tag(key))))
})
