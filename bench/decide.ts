import type { Visit } from "../packages/core/src/condition.ts"
import { type CompiledRule, compileRule, decide } from "../packages/core/src/decide.ts"
import type { LinkRecord } from "../packages/core/src/record.ts"
import type { Action, When } from "../packages/core/src/rule.ts"
import { PLAIN_LINK } from "../packages/core/test/support/link.ts"

/*
 * What one decision costs, in nanoseconds of this process and bytes of its heap: by the number of rules, and by kind of condition with
 * ten rules of it. No rule but the last holds, so every one is tried. Medians of interleaved rounds; run it with `--expose-gc`.
 */
const ROUNDS = 15
const CALLS = 200_000
/** Few enough that the young generation (16 MB) does not fill up in between. */
const HEAP_CALLS = 20_000

const PLACE = { country: "CN", region: "CN-GD" }
const visit: Visit = {
  ...{ nowMs: Date.UTC(2026, 0, 7, 4), platform: "wechat", os: "ios", device: "phone", browser: "webview" },
  ...{ language: "zh-CN", referrer: "news.example.com", query: "utm_source=poster&x=1", ip: "203.0.113.7" },
  ...{ placeOf: () => PLACE, isUnlocked: false },
}
const TIME_ZONE = "Asia/Shanghai"

/** None holds for the visit. */
const MISSES: Record<string, When> = {
  platform: { platform: ["qq", "douyin"] },
  os: { os: ["android"] },
  device: { device: ["desktop"] },
  browser: { browser: ["chrome", "safari"] },
  language: { language: ["en", "zh-TW"] },
  country: { country: ["US", "JP"] },
  region: { region: ["CN-BJ", "CN-SH"] },
  ip: { ip: ["10.0.0.0/8", "2001:db8::/32"] },
  query: { query: [{ name: "utm_source", value: "mail" }] },
  referrer: { referrer: ["example.org"] },
  after: { after: "2030-01-01T00:00:00.000Z" },
  before: { before: "2020-01-01T00:00:00.000Z" },
  weekday: { weekday: ["sat", "sun"], timeZone: TIME_ZONE },
  hours: { hours: [{ from: "22:00", to: "06:00" }], timeZone: TIME_ZONE },
  not: { not: { platform: ["wechat"] } },
}
const kinds = Object.values(MISSES)

const URL_A = "https://a.example/"
const ACTIONS: Record<string, Action> = {
  guide: { guide: true },
  deny: { deny: true },
  split: {
    split: [
      { url: URL_A, weight: 3, name: "a" },
      { url: "https://b.example/", weight: 1, name: "b" },
    ],
  },
  app: { app: { ios: { universalLink: URL_A, store: URL_A } } },
  miniProgram: { miniProgram: { appId: "wx0123456789abcdef", path: "pages/index/index", name: "a" } },
}

type Scenario = { name: string; link: LinkRecord; nanoseconds: number[]; bytes: number[] }

const scenarios = [
  scenario("no rule", []),
  ...[1, 5, 10, 50].map((count) => scenario(`${count} rules, mixed`, mixed(count))),
  ...Object.entries(MISSES).map(([name, when]) => scenario(`10 × ${name}`, Array(10).fill(when))),
  ...Object.entries(ACTIONS).map(([name, then]) => scenario(`1 rule, ${name}`, mixed(1), then)),
]

for (let round = 0; round < ROUNDS; round++) for (const each of scenarios) measure(each)

const [none] = scenarios
console.log("scenario             ns a decision   ns a rule   bytes a decision (of its result)")
for (const { name, link, nanoseconds, bytes } of scenarios) {
  const total = median(nanoseconds)
  const rules = Math.max(1, link.rules.length)
  const perRule = none === undefined ? 0 : (total - median(none.nanoseconds)) / rules
  console.log(
    `${name.padEnd(20)} ${total.toFixed(0).padStart(13)} ${perRule.toFixed(1).padStart(11)} ${median(bytes).toFixed(0).padStart(18)}`,
  )
}

function mixed(count: number): When[] {
  return Array.from({ length: count }, (_, i) => kinds[i % kinds.length] ?? {})
}

/** The last rule is one that holds. */
function scenario(name: string, whens: When[], then: Action = { redirect: URL_A }): Scenario {
  const rules: CompiledRule[] = whens.map((when, i) => {
    const holds = i === whens.length - 1
    return compileRule({ when: holds ? { platform: ["wechat"] } : when, then })
  })
  return { name, link: { ...PLAIN_LINK, rules }, nanoseconds: [], bytes: [] }
}

function measure({ link, nanoseconds, bytes }: Scenario): void {
  for (let i = 0; i < HEAP_CALLS; i++) decide(link, visit)
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < HEAP_CALLS; i++) decide(link, visit)
  bytes.push((process.memoryUsage().heapUsed - before) / HEAP_CALLS)
  const start = process.hrtime.bigint()
  for (let i = 0; i < CALLS; i++) decide(link, visit)
  nanoseconds.push(Number(process.hrtime.bigint() - start) / CALLS)
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
