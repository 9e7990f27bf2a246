import type { Random } from "../../packages/core/test/support/random.ts"

/*
 * User-Agents as visitors of links in messages have them: in-app browsers first, of many versions on many phones. Made here, so that the
 * bench needs nobody's log.
 */
const PHONES = ["SM-S9280", "V2309A", "PJD110", "23127PN0CC", "ALN-AL00", "RMX3888", "PGT-AN10", "NX769J"]
const BUILDS = ["UKQ1.230917.001", "TP1A.220624.014", "UP1A.231005.007", "AP3A.240905.015"]
const MOZILLA = "Mozilla/5.0"
const LIKE = "(KHTML, like Gecko)"

type Template = (random: Random) => string

const number = (random: Random, from: number, to: number) => from + random.below(to - from + 1)
const one = (random: Random, items: string[]) => items[random.below(items.length)] ?? ""

const chrome: Template = (random) =>
  `${number(random, 98, 132)}.0.${number(random, 4_000, 6_900)}.${number(random, 10, 230)}`
const android: Template = (random) =>
  `Linux; Android ${number(random, 9, 15)}; ${one(random, PHONES)} Build/${one(random, BUILDS)}; wv`
const webView: Template = (random) =>
  `${MOZILLA} (${android(random)}) AppleWebKit/537.36 ${LIKE} Version/4.0 Chrome/${chrome(random)} Mobile Safari/537.36`
const iPhone: Template = (random) =>
  `${MOZILLA} (iPhone; CPU iPhone OS ${number(random, 14, 18)}_${number(random, 0, 7)} like Mac OS X) AppleWebKit/605.1.15 ${LIKE}`
const network: Template = (random) => one(random, ["WIFI", "5G", "4G"])
const weChatVersion: Template = (random) =>
  `8.0.${number(random, 30, 56)}(0x${number(random, 0x1800_2000, 0x1800_3fff).toString(16)})`

export const weChat: Template = (random) =>
  random.below(5) < 3
    ? `${webView(random)} XWEB/${number(random, 1_120_000, 1_300_200)} MMWEBSDK/2024${number(random, 1_000, 1_231)} MicroMessenger/${weChatVersion(random)} WeChat/arm64 NetType/${network(random)} Language/zh_CN ABI/arm64`
    : `${iPhone(random)} Mobile/15E148 MicroMessenger/${weChatVersion(random)} NetType/${network(random)} Language/zh_CN`

const TEMPLATES: { share: number; template: Template }[] = [
  { share: 40, template: weChat },
  { share: 8, template: (random) => `${weChat(random)} wxwork/4.1.${number(random, 2, 31)}` },
  {
    share: 6,
    template: (random) =>
      `${webView(random)} V1_AND_SQ_9.${number(random, 0, 1)}.${number(random, 0, 90)} QQ/9.0.${number(random, 0, 90)} NetType/${network(random)}`,
  },
  {
    share: 8,
    template: (random) =>
      `${webView(random)} aweme_${number(random, 280, 330)}00 JsSdk/1.0 NetType/${network(random)} Channel/store AppName/aweme ByteLocale/zh-CN`,
  },
  {
    share: 4,
    template: (random) =>
      `${iPhone(random)} Mobile/15E148 Weibo (iPhone16,${number(random, 1, 4)}__weibo__14.${number(random, 1, 12)}.2)`,
  },
  {
    share: 4,
    template: (random) =>
      `${webView(random)} AlipayClient/10.${number(random, 5, 7)}.${number(random, 0, 90)} Language/zh-Hans`,
  },
  {
    share: 10,
    template: (random) =>
      `${iPhone(random)} Version/${number(random, 14, 18)}.${number(random, 0, 6)} Mobile/15E148 Safari/604.1`,
  },
  {
    share: 10,
    template: (random) =>
      `${MOZILLA} (Linux; Android ${number(random, 9, 15)}; ${one(random, PHONES)}) AppleWebKit/537.36 ${LIKE} Chrome/${chrome(random)} Mobile Safari/537.36`,
  },
  {
    share: 8,
    template: (random) =>
      `${MOZILLA} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 ${LIKE} Chrome/${chrome(random)} Safari/537.36`,
  },
  {
    share: 2,
    template: () => `${MOZILLA} (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)`,
  },
]

/** So many different ones. */
export function makeUserAgents(random: Random, count: number, template: Template = mixed): string[] {
  const agents = new Set<string>()
  while (agents.size < count) agents.add(template(random))
  return [...agents]
}

function mixed(random: Random): string {
  let at = random.below(100)
  for (const { share, template } of TEMPLATES) {
    at -= share
    if (at < 0) return template(random)
  }
  return weChat(random)
}

export const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
