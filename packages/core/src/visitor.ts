import { hash } from "node:crypto"
import { UAParser } from "ua-parser-js"
import { isAutomated, withoutMarks } from "./automated.ts"
import { createCache } from "./cache.ts"
import { type Platform, platformOf } from "./platform.ts"
import { type RecurringText, recurringText } from "./recurring-text.ts"

// What a request says of its visitor, in words from short fixed lists, so that counting by them stays cheap.

export const OS = ["ios", "android", "harmonyos", "windows", "macos", "linux", "chromeos", "other"] as const

export const DEVICES = ["phone", "tablet", "desktop", "tv", "console", "wearable", "other"] as const

export const BROWSERS = [
  "chrome",
  "safari",
  "firefox",
  "edge",
  "opera",
  "samsung",
  "huawei",
  "miui",
  "oppo",
  "vivo",
  "qq",
  "uc",
  "quark",
  "baidu",
  "sogou",
  "360",
  "yandex",
  "duckduckgo",
  "ie",
  "android",
  "webview",
  "other",
] as const

export type Os = (typeof OS)[number]
export type Device = (typeof DEVICES)[number]
export type Browser = (typeof BROWSERS)[number]

export type Visitor = Readonly<{
  platform: Platform
  os: Os
  device: Device
  browser: Browser
  /** By the User-Agent alone; `isPrefetch` knows what other headers say. */
  automated: boolean
  /** 11 characters that stand for the User-Agent. */
  id: string
}>

/** The text is platform, system, device, browser and id with a space between, as click batches have them. */
export type RecurringVisitor = Visitor & RecurringText

const USER_AGENT_LENGTH_MAX = 512

export function recurringVisitor(visitor: Visitor): RecurringVisitor {
  const { platform, os, device, browser, id } = visitor
  return { ...recurringText(`${platform} ${os} ${device} ${browser} ${id}`), ...visitor }
}

/** Reads User-Agents and remembers `maxEntries` of them: while remembered, equal ones give the same object. */
export function createVisitors(maxEntries: number): (userAgent: string) => RecurringVisitor {
  const visitors = createCache<RecurringVisitor>({ max: maxEntries })
  return (header) => {
    const userAgent = header.length > USER_AGENT_LENGTH_MAX ? headOf(header) : header
    const known = visitors.get(userAgent)
    if (known !== undefined) return known
    const visitor = visitorOf(userAgent)
    visitors.set(userAgent, visitor)
    return visitor
  }
}

/** A copy: a slice would keep the whole header in memory for as long as it is remembered. */
function headOf(header: string): string {
  return Buffer.from(header.slice(0, USER_AGENT_LENGTH_MAX)).toString()
}

function visitorOf(userAgent: string): RecurringVisitor {
  const platform = platformOf(userAgent)
  const unmarked = withoutMarks(userAgent)
  const parser = new UAParser(unmarked)
  const os = osOf(unmarked, parser.getOS().name)
  const device = deviceOf(unmarked, os)
  const browser = browserOf(platform, parser.getBrowser().name)
  const id = hash("sha256", userAgent, "base64url").slice(0, 11)
  return recurringVisitor({ platform, os, device, browser, automated: isAutomated(userAgent), id })
}

type Rules<Word> = readonly (readonly [Word, RegExp])[]

function match<Word>(rules: Rules<Word>, text = ""): Word | undefined {
  return rules.find(([, pattern]) => pattern.test(text))?.[0]
}

/** HarmonyOS says Android too up to version 4 and may say Windows on a PC; ua-parser-js takes Java phones for iOS. */
const OS_TOKENS: Rules<Os> = [
  ["harmonyos", /HarmonyOS|OpenHarmony|ArkWeb\//i],
  ["android", /\bAdr \d/],
  ["other", /J2ME\//],
]

/** The names of ua-parser-js, here and below. */
const OS_NAMES: Rules<Os> = [
  ["ios", /^iOS/],
  ["android", /^Android/i],
  ["windows", /^Windows/i],
  ["macos", /^Mac OS/],
  ["chromeos", /^Chromium OS/],
  [
    "linux",
    /^(?:Linux|GNU|\w?Ubuntu|Debian|Fedora|(?:Open)?SUSE|Mint|Arch|CentOS|Red ?Hat|Gentoo|Manjaro|Deepin)/i,
  ],
]

const OS_HINTS: Rules<Os> = [["ios", /\b(?:iPh|iPad|iPod|iOS\b)/]]

function osOf(userAgent: string, name: string | undefined): Os {
  return match(OS_TOKENS, userAgent) ?? match(OS_NAMES, name) ?? match(OS_HINTS, userAgent) ?? "other"
}

const DEVICE_TOKENS: Rules<Device> = [
  ["tv", /Smart-?TV|HbbTV|NETTV|(?:Apple|Google) ?TV/i],
  ["tablet", /\(Tablet;|Android Tablet|Pad\/APad/],
  ["phone", /\(Phone;/],
  ["desktop", /\(PC;/],
]

/** Up to the engine's last word: in what apps add, `TBS/045008 … BiliApp` is a Zeki tablet to ua-parser-js. */
const ENGINE = /^.*?Safari\/[\d.]+/

function deviceOf(userAgent: string, os: Os): Device {
  const known = match(DEVICE_TOKENS, userAgent)
  if (known !== undefined) return known
  const { type } = new UAParser(ENGINE.exec(userAgent)?.[0] ?? userAgent).getDevice()
  switch (type) {
    case "mobile":
      return "phone"
    case "smarttv":
      return "tv"
    case "tablet":
    case "console":
    case "wearable":
      return type
    case undefined:
      return DEFAULT_DEVICES[os]
    default:
      return "other"
  }
}

const DEFAULT_DEVICES: Readonly<Record<Os, Device>> = {
  ios: "phone",
  android: "phone",
  harmonyos: "phone",
  windows: "desktop",
  macos: "desktop",
  linux: "desktop",
  chromeos: "desktop",
  other: "other",
}

const BROWSER_NAMES: Rules<Browser> = [
  ["webview", /WebView|^WebKit|^GSA|^Snapchat|^LinkedIn|^NAVER/i],
  ["chrome", /^(?:Mobile )?Chrom/i],
  ["safari", /Safari$/i],
  [
    "firefox",
    /Firefox|^Mozilla$|^(?:Fennec|Klar|SeaMonkey|PaleMoon|Waterfox|Basilisk|IceCat|K-Meleon|LibreWolf)/i,
  ],
  ["edge", /^Edge/],
  ["opera", /^Opera/],
  ["samsung", /^Samsung/],
  ["huawei", /^Huawei/],
  ["miui", /^MIUI/],
  ["oppo", /^HeyTap|^Oppo/i],
  ["vivo", /^Vivo Browser/i],
  ["quark", /^Quark/],
  ["baidu", /^Baidu/i],
  ["sogou", /^Sogou/],
  ["360", /^360/],
  ["yandex", /^Yandex/],
  ["duckduckgo", /^DuckDuckGo/],
  ["ie", /^IE/],
  ["android", /^Android Browser/],
]

/** Inside an app the browser is its web view, whatever engine that is made of. */
function browserOf(platform: Platform, name: string | undefined): Browser {
  if (platform === "qqbrowser") return "qq"
  if (platform === "uc") return "uc"
  if (platform !== "browser") return "webview"
  return match(BROWSER_NAMES, name) ?? "other"
}
