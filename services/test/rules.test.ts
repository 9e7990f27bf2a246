import { request } from "node:http"
import t from "tap"
import type { Rule } from "../../packages/core/src/rule.ts"
import { startQiao } from "./support/qiao.ts"
import { type Random, seededRandom } from "./support/random.ts"
import { CRAWLER, SAFARI, WECHAT } from "./support/visit.ts"

const LINKS = 40
const VISITS = 2_000

const USER_AGENTS = [
  SAFARI,
  WECHAT,
  CRAWLER,
  "",
  "Mozilla/5.0 (Linux; Android 14; 2211133C Build/UKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 aweme_280000",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
] as const
const LANGUAGES = ["", "zh-CN,zh;q=0.9", "en-US,en;q=0.8,zh;q=0.9", "zh-Hant-TW"] as const
const REFERERS = ["", "https://news.example.com/a", "https://example.com/", "android-app://com.x"] as const
const QUERIES = ["", "utm=a", "utm=b&x=%E6%98%A5", "flag", "%75tm=a"] as const
const IPS = ["10.1.2.3", "192.0.2.7", "2001:db8::1", "203.0.113.9"] as const
const PATHS = ["", "", "", "/more", "/..%2fx"] as const

/** Conditions of which a rule gets some, some of them negated. */
const CONDITIONS: [name: keyof Rule["when"], values: readonly [unknown, ...unknown[]]][] = [
  ["platform", [["wechat"], ["douyin", "browser"]]],
  ["os", [["ios"], ["android", "windows"]]],
  ["device", [["phone"], ["desktop"]]],
  ["browser", [["safari", "chrome"], ["webview"]]],
  ["language", [["zh"], ["zh-TW", "en"]]],
  ["ip", [["10.0.0.0/8"], ["2001:db8::/32", "192.0.2.7"]]],
  ["query", [[{ name: "utm" }], [{ name: "utm", value: "a" }, { name: "flag" }]]],
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

function randomRule(random: Random, number: number): object {
  const conditions = random.shuffle(CONDITIONS).slice(0, random.below(3))
  const entries = conditions.map(([name, values]) => [name, random.pick(values)])
  const split = random.below(entries.length + 1)
  const url = `https://r${number}.example/${random.below(2) ? "?utm=own" : ""}`
  const sides = [
    { url, weight: 1 + random.below(5) },
    { url: "https://other.example/", weight: 1, name: "other" },
  ]
  return {
    when: {
      ...Object.fromEntries(entries.slice(split)),
      not: Object.fromEntries(entries.slice(0, split)),
      timeZone: "Asia/Shanghai",
    },
    then: random.pick([
      { redirect: url },
      { redirect: url },
      { split: sides },
      { guide: true },
      { deny: true },
    ]),
  }
}

type Visit = { userAgent: string; headers: Record<string, string>; ip: string; query: string; path: string }

function ask(base: string, code: string, { userAgent, headers, ip, query, path }: Visit) {
  const { port } = new URL(base)
  const target = `/${code}${path}${query === "" ? "" : `?${query}`}`
  return new Promise<{ status: number; location: string | null; body: string }>((resolve, reject) => {
    const all = { host: "localhost", "user-agent": userAgent, "x-forwarded-for": ip, ...headers }
    const req = request({ host: "127.0.0.1", port, path: target, headers: all }, async (reply) => {
      let body = ""
      for await (const chunk of reply.setEncoding("utf8")) body += chunk
      resolve({ status: reply.statusCode ?? 0, location: reply.headers.location ?? null, body })
    })
    req.on("error", reject)
    req.end()
  })
}

type Explanation = { decision: { kind: string; page: string | null; location: string | null } }
const PAGE_STATUS: Record<string, number> = { guide: 200, denied: 403, not_found: 404, gone: 410 }

t.test(
  `explain says what the edge does, over ${VISITS} random visits of ${LINKS} random links`,
  async (t) => {
    const random = seededRandom(t)
    const qiao = await startQiao(t, {
      env: { TRUSTED_PROXIES: "127.0.0.1", RATE_LIMIT_PER_MINUTE: "1000000" },
    })
    const codes: string[] = []
    for (let n = 0; n < LINKS; n++) {
      const link = {
        url: "https://target.example/path?own=1",
        code: `rule-${n}`,
        forwardPath: random.below(2) === 1,
        forwardQuery: random.below(3) > 0,
        guidePlatforms: random.below(4) === 0 ? ["wechat"] : [],
        allowPlatforms: random.below(6) === 0 ? ["wechat", "browser"] : null,
        rules: Array.from({ length: random.below(6) }, (_, number) => randomRule(random, number)),
      }
      const answer = await qiao.api("POST", "/v1/links", link)
      if (answer.status !== 201) throw new Error(answer.text)
      codes.push(link.code)
    }
    const outcomes = new Map<string, number>()
    for (let n = 0; n < VISITS; n++) {
      const code = codes[random.below(codes.length)] ?? ""
      const headers: Record<string, string> = {}
      const [language, referer] = [random.pick(LANGUAGES), random.pick(REFERERS)]
      if (language !== "") headers["accept-language"] = language
      if (referer !== "") headers.referer = referer
      const visit: Visit = {
        userAgent: random.pick(USER_AGENTS),
        headers,
        ip: random.pick(IPS),
        query: random.pick(QUERIES),
        path: random.pick(PATHS),
      }
      const [seen, told] = await Promise.all([
        ask(qiao.edge, code, visit),
        qiao.api("POST", `/v1/links/localhost%2F${code}/explain`, visit),
      ])
      const { decision } = told.json as Explanation
      const expected =
        decision.kind === "page"
          ? { status: PAGE_STATUS[decision.page ?? ""], location: null }
          : { status: 302, location: decision.location }
      outcomes.set(String(expected.status), (outcomes.get(String(expected.status)) ?? 0) + 1)
      const isSame = seen.status === expected.status && seen.location === expected.location
      if (!isSame)
        t.same(
          { ...seen, body: "" },
          { ...expected, body: "" },
          `${code} ${JSON.stringify(visit)}: ${told.text}`,
        )
    }
    t.comment(`statuses: ${JSON.stringify([...outcomes])}`)
    for (const status of ["200", "302", "403", "404"])
      t.ok((outcomes.get(status) ?? 0) > 20, `${status} was among them`)
  },
)

t.test("a fetcher's mark changes no answer, through every kind of rule", async (t) => {
  const qiao = await startQiao(t, { env: { TRUSTED_PROXIES: "127.0.0.1" } })
  const side = (name: string) => ({ url: `https://${name}.example/`, weight: 1 })
  const thens = [
    { redirect: "https://a.example/" },
    { guide: true },
    { deny: true },
    { split: [side("a"), side("b"), side("c")] },
  ]
  for (const [n, then] of thens.entries()) {
    const rules = [{ when: { platform: ["wechat"] }, then }]
    await qiao.api("POST", "/v1/links", { url: "https://example.com/", code: `mark-${n}`, rules })
    for (const ip of IPS) {
      const visit = { headers: {}, ip, query: "", path: "" }
      const person = await ask(qiao.edge, `mark-${n}`, { ...visit, userAgent: WECHAT })
      const fetcher = await ask(qiao.edge, `mark-${n}`, { ...visit, userAgent: `${WECHAT} qcloudcdn-xinan` })
      t.same(fetcher, person, JSON.stringify(then))
    }
  }
})
