import t from "tap"
import { BUCKETS, domainKey, linkKey, markerKey, markerKeyOf } from "../src/keys.ts"
import {
  decodeDomain,
  decodeLink,
  encodeDomain,
  encodeLink,
  type LinkRecord,
  versionOf,
} from "../src/record.ts"
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
  forwardQuery: false,
  forwardPath: true,
  guidePlatforms: new Set(["wechat", "qq"]),
  allowPlatforms: new Set(["douyin"]),
}

t.test("a link comes back as it was written", async (t) => {
  for (const record of [plain, full, null])
    t.same(decodeLink(encodeLink(version, record)), { ...version, record })
})

t.test("a domain comes back as it was written", async (t) => {
  const domain = { host: "s.example.com", caseSensitive: true, rootUrl: null, notFoundUrl: null }
  const other = { host: "s", caseSensitive: false, rootUrl: "https://a/", notFoundUrl: "https://b/" }
  for (const record of [domain, other, null]) {
    t.same(decodeDomain(encodeDomain(version, record)), { ...version, record })
  }
})

t.test("a plain link takes little more than its url", async (t) => {
  t.ok(encodeLink(version, plain).length <= plain.url.length + 60)
})

t.test("the version can be read alone, and what has none throws", async (t) => {
  t.match(versionOf(encodeLink(version, plain)), version)
  for (const value of ["", "x", "1.", "1.x.{}", "a.1.{}", "{}", "1.2"]) {
    t.throws(() => decodeLink(value), { message: /not a record/ }, value)
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
