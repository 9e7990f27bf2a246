import { type BatchHeader, createBatchWriter, type NewVisit } from "../../packages/core/src/click.ts"
import type { Outcome } from "../../packages/core/src/decide.ts"
import { type RecurringText, recurringText } from "../../packages/core/src/recurring-text.ts"
import { type RecurringVisitor, recurringVisitor } from "../../packages/core/src/visitor.ts"
import { type Random, randomFrom } from "../../packages/core/test/support/random.ts"
import { zipf } from "../load/zipf.ts"

/*
 * Clicks as a busy workspace gets them: links by Zipf's law, 100,000 people with an address and one of 5,000 browsers each, who come
 * again and again; some by rules and guide pages.
 */
const USER_AGENTS = 5_000
const PEOPLE = 100_000
export const BATCH_VISITS = 1_000
const INSTANCES = 8
const SPREAD_MS = 60_000

const CLIENTS = [
  ["wechat", "android", "phone", "webview"],
  ["wechat", "ios", "phone", "webview"],
  ["wechat", "harmonyos", "phone", "webview"],
  ["wecom", "android", "phone", "webview"],
  ["wecom", "windows", "desktop", "chrome"],
  ["qq", "android", "phone", "qq"],
  ["qq", "ios", "phone", "webview"],
  ["douyin", "android", "phone", "webview"],
  ["douyin", "ios", "phone", "webview"],
  ["weibo", "android", "phone", "webview"],
  ["browser", "android", "phone", "chrome"],
  ["browser", "android", "phone", "miui"],
  ["browser", "android", "phone", "vivo"],
  ["browser", "android", "phone", "oppo"],
  ["browser", "harmonyos", "phone", "huawei"],
  ["browser", "ios", "phone", "safari"],
  ["browser", "ios", "tablet", "safari"],
  ["browser", "windows", "desktop", "chrome"],
  ["browser", "windows", "desktop", "edge"],
  ["browser", "macos", "desktop", "safari"],
] as const
const LANGUAGES = [
  "zh-CN",
  "zh-CN",
  "zh-CN",
  "zh-CN",
  "zh-CN",
  "zh-CN",
  "zh-TW",
  "en-US",
  "en-GB",
  "",
] as const
const REFERRERS = [
  "",
  "",
  "",
  "",
  "mp.weixin.qq.com",
  "mp.weixin.qq.com",
  "www.douyin.com",
  "weibo.com",
] as const
const RULES = ["", "", "", "", "", "", "", "iOS to the store", "evening", "2"] as const
/** First bytes of networks of Chinese carriers. */
const NETWORKS = [
  36, 39, 42, 49, 58, 60, 101, 106, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121,
] as const

type Person = { visitor: RecurringVisitor; ip: string; language: string }

export type Traffic = { batch(nowMs: number): { sealed: string; instance: number } }

export function createTraffic(seed: number, linkIds: string[], peopleCount = PEOPLE): Traffic {
  const random = randomFrom(seed)
  const people = makePeople(random, peopleCount)
  const links = linkIds.map(recurringText)
  const draw = zipf(random, links.length)
  const tokens: { token: string; link: RecurringText; person: Person }[] = []
  const edges = Array.from({ length: INSTANCES }, () => ({
    ...{ instance: `bench-${random.below(2 ** 32).toString(36)}`, sequence: 0, accepted: 0 },
  }))
  let next = 0

  const visit = (atMs: number): NewVisit => {
    const back =
      tokens.length > 1_000 && random.next() < 0.05 ? tokens.splice(random.below(1_000), 1)[0] : undefined
    const person = back?.person ?? people[random.below(people.length)]
    if (person === undefined) throw new Error("there are people")
    const link = back?.link ?? links[draw()]
    if (link === undefined) throw new Error("there are links")
    const outcome: Outcome = back === undefined && random.next() < 0.1 ? "guide" : "redirect"
    const guideToken = back?.token ?? (outcome === "guide" ? tokenOf(random) : "")
    if (outcome === "guide") tokens.push({ token: guideToken, link, person })
    return {
      ...{
        link,
        atMs,
        outcome,
        automated: false,
        synthetic: false,
        visitor: person.visitor,
        ip: person.ip,
      },
      ...{
        language: person.language,
        referrer: random.pick(REFERRERS),
        rule: random.pick(RULES),
        variant: "",
        guideToken,
      },
    }
  }

  return {
    batch(nowMs) {
      const instance = next++ % INSTANCES
      const edge = edges[instance]
      if (edge === undefined) throw new Error("there are edges")
      const writer = createBatchWriter()
      const firstAtMs = nowMs - random.below(SPREAD_MS)
      for (let i = 0; i < BATCH_VISITS; i++) writer.add(visit(firstAtMs + Math.floor(i / 4)))
      edge.accepted += BATCH_VISITS
      const header: BatchHeader = {
        ...{ instance: edge.instance, sequence: edge.sequence++, sealedAtMs: nowMs, isFinal: false },
        counters: { accepted: edge.accepted, spilled: 0, dropped: 0 },
      }
      return { sealed: writer.seal(header), instance }
    },
  }
}

function makePeople(random: Random, count: number): Person[] {
  const visitors = Array.from({ length: USER_AGENTS }, (_, i): RecurringVisitor => {
    const [platform, os, device, browser] =
      CLIENTS[Math.floor(random.next() ** 2 * CLIENTS.length)] ?? CLIENTS[0]
    const id = `v${i.toString(36).padStart(10, "0")}`
    return recurringVisitor({ platform, os, device, browser, automated: false, id })
  })
  return Array.from({ length: count }, () => ({
    visitor: visitors[random.below(USER_AGENTS)] as RecurringVisitor,
    ip: `${random.pick(NETWORKS)}.${random.below(256)}.${random.below(256)}.${random.below(254) + 1}`,
    language: random.pick(LANGUAGES),
  }))
}

function tokenOf(random: Random): string {
  const part = () =>
    random
      .below(36 ** 5)
      .toString(36)
      .padStart(5, "0")
  return `${part()}${part()}x`
}
