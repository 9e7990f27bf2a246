import type { Random } from "../../../packages/core/test/support/random.ts"
import { CRAWLER, SAFARI, WECHAT } from "./visit.ts"

/** To be banned once the links are there, `BANNED` with its subdomains. */
export const BANNED = ["banned.example", "r1.example"] as const
export const PASSWORD = "open: sesame"

const USER_AGENTS = [
  SAFARI,
  WECHAT,
  CRAWLER,
  "",
  "Mozilla/5.0 (Linux; Android 14; 2211133C Build/UKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 aweme_280000",
  "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
] as const
const LANGUAGES = ["", "zh-CN,zh;q=0.9", "en-US,en;q=0.8,zh;q=0.9", "zh-Hant-TW"] as const
const REFERERS = ["", "https://news.example.com/a", "https://example.com/", "android-app://com.x"] as const
const QUERIES = [
  ...["", "utm=a", "utm=b&x=%E6%98%A5", "flag", "%75tm=a"],
  ...["_qg=AAAAAAAAAAA", "utm=a&_qg=AAAAAAAAAAA", "%5fqg=x&flag"],
] as [string, ...string[]]
/** Private, reserved, Guangdong, Beijing, California, and Guangdong as IPv6. */
export const IPS = [
  "10.1.2.3",
  "192.0.2.7",
  "2001:db8::1",
  "202.96.128.86",
  "202.106.0.20",
  "8.8.8.8",
  "::ffff:202.96.128.86",
] as const
const PATHS = ["", "", "", "/more", "/..%2fx"] as const

/** Conditions of which a rule gets some, some of them negated. */
const CONDITIONS: [name: string, values: readonly [unknown, ...unknown[]]][] = [
  ["platform", [["wechat"], ["douyin", "browser"]]],
  ["os", [["ios"], ["android", "windows"]]],
  ["device", [["phone"], ["desktop"], ["tablet", "other"]]],
  ["browser", [["safari", "chrome"], ["webview"]]],
  ["language", [["zh"], ["zh-TW", "en"]]],
  ["country", [["CN"], ["US", "SG"]]],
  ["region", [["CN-GD"], ["CN-BJ", "CN-SH"]]],
  ["ip", [["10.0.0.0/8"], ["2001:db8::/32", "192.0.2.7"]]],
  ["query", [[{ name: "utm" }], [{ name: "utm", value: "a" }, { name: "flag" }], [{ name: "_qg" }]]],
  ["referrer", [["example.com"], ["news.example.com"]]],
  ["after", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]],
  ["before", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"]],
  [
    "weekday",
    [
      ["mon", "tue", "wed"],
      ["thu", "fri", "sat", "sun"],
    ],
  ],
  ["hours", [[{ from: "08:00", to: "20:00" }], [{ from: "20:00", to: "08:00" }]]],
]

/** One of every kind; `url` is where it leads. */
export function actionsTo(url: string): [object, ...object[]] {
  const store = "https://store.example/app"
  return [
    { redirect: url },
    { guide: true },
    { deny: true },
    {
      split: [
        { url, weight: 3 },
        { url: "https://other.example/", weight: 1, name: "other" },
      ],
    },
    { app: { ios: { scheme: "taobao://item/1?a=1&b=2", store }, android: { appLink: url }, web: url } },
    {
      app: {
        android: { scheme: "weixin://x", package: "com.example.app", store },
        harmonyos: { appLink: url },
      },
    },
    { miniProgram: { appId: "wx0123456789abcdef", path: "pages/index", query: "a=1&b=2", name: "小店" } },
    { miniProgram: { appId: "wx0123456789abcdef", name: "shop", web: url } },
  ]
}

function randomRule(random: Random, number: number): object {
  const conditions = random.shuffle(CONDITIONS).slice(0, random.below(3))
  const entries = conditions.map(([name, values]) => [name, random.pick(values)])
  const negated = random.below(entries.length + 1)
  const host = random.below(12) === 0 ? "sub.banned.example" : `r${number}.example`
  return {
    when: {
      ...Object.fromEntries(entries.slice(negated)),
      not: Object.fromEntries(entries.slice(0, negated)),
      timeZone: "Asia/Shanghai",
    },
    then: random.pick(actionsTo(`https://${host}/${random.below(2) ? "?utm=own" : ""}`)),
  }
}

export function randomRules(random: Random, max: number): object[] {
  return Array.from({ length: random.below(max + 1) }, (_, number) => randomRule(random, number))
}

const [PAST, LATER_PAST, FUTURE, LATER_FUTURE] = ["2020-01-01", "2021-01-01", "2998-01-01", "2999-01-01"].map(
  (day) => `${day}T00:00:00Z`,
)

/** Half are open for ever. */
const PERIODS = [
  ...[{}, {}, {}, {}, {}, {}],
  ...[{ startsAt: PAST }, { expiresAt: FUTURE }, { startsAt: PAST, expiresAt: FUTURE }],
  ...[{ startsAt: FUTURE }, { startsAt: FUTURE, expiresAt: LATER_FUTURE }],
  ...[{ expiresAt: PAST }, { startsAt: PAST, expiresAt: LATER_PAST }],
] as [object, ...object[]]

export type RandomLink = { redirectStatus: number } & Record<string, unknown>

/** Settings of a link that uses one of the rule sets, or none. */
export function randomLink(random: Random, ruleSetIds: [string, ...string[]]): RandomLink {
  return {
    url: random.pick([
      "https://target.example/path?own=1",
      "https://target.example/",
      "https://banned.example/",
    ]),
    redirectStatus: random.pick([301, 302, 307, 308]),
    ...random.pick(PERIODS),
    expiredUrl: random.below(3) === 0 ? "https://own-end.example/" : null,
    // Soon used up, or not at all.
    maxClicks: random.pick([null, null, 3, 1_000_000]),
    enabled: random.below(12) > 0,
    password: random.below(12) === 0 ? PASSWORD : null,
    forwardPath: random.below(2) === 1,
    forwardQuery: random.below(3) > 0,
    guidePlatforms: random.below(4) === 0 ? ["wechat"] : [],
    allowPlatforms: random.below(6) === 0 ? ["wechat", "browser"] : null,
    rules: randomRules(random, 5),
    ruleSetId: random.below(3) === 0 ? random.pick(ruleSetIds) : null,
  }
}

/** Links of which each kind of answer can be had, whatever the others come out as. */
export function plainLinks(): RandomLink[] {
  const url = "https://target.example/"
  return [
    ...[
      { maxClicks: 1 },
      { password: PASSWORD },
      { enabled: false },
      { startsAt: FUTURE },
      { expiresAt: PAST },
    ],
    ...actionsTo(url).map((then) => ({ rules: [{ when: {}, then }] })),
  ].map((settings) => ({ url, redirectStatus: 302, ...settings }))
}

export type RandomVisit = {
  method: "GET" | "HEAD"
  userAgent: string
  headers: Record<string, string>
  ip: string
  query: string
  path: string
  unlocked: boolean
}

export function randomVisit(random: Random): RandomVisit {
  const headers = {
    "accept-language": random.pick(LANGUAGES),
    referer: random.pick(REFERERS),
    accept: random.pick(["text/html,*/*", "*/*"]),
  }
  return {
    method: random.below(6) === 0 ? "HEAD" : "GET",
    userAgent: random.pick(USER_AGENTS),
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== "")),
    ip: random.pick(IPS),
    query: random.pick(QUERIES),
    path: random.pick(PATHS),
    unlocked: random.below(3) === 0,
  }
}
