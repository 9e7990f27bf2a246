import type { Platform } from "@qiao/core/platform.ts"
import type { Os } from "@qiao/core/visitor.ts"
import type { Language } from "./texts.ts"

/** How one gets from an app's own browser to the visitor's. */
export type Menu = {
  button: "dots" | "kebab" | "share"
  at: "top" | "bottom" | "window"
  /** Icons that come up from the bottom, or lines beside the button. */
  opens: "sheet" | "list"
  /** Names of the entry to choose, as the app shows them to readers of that language; the first is drawn. */
  entry: Record<Language, readonly string[]>
  /** Whether every version has the entry under that name; if not, the steps say so. */
  isSure: boolean
}

const same = (...names: string[]): Menu["entry"] => ({ "zh-CN": names, en: names })

const IN_BROWSER: Menu["entry"] = { "zh-CN": ["在浏览器打开"], en: ["Open in Browser"] }
const IN_EXTERNAL: Menu["entry"] = { "zh-CN": ["在外部浏览器中打开"], en: ["Open in external browser"] }
const IN_DEFAULT: Menu["entry"] = { "zh-CN": ["在默认浏览器中打开"], en: ["Open in default browser"] }
const IN_SAFARI: Menu["entry"] = { "zh-CN": ["在 Safari 中打开"], en: ["Open in Safari"] }

const SHEET: Menu = { button: "dots", at: "top", opens: "sheet", entry: IN_BROWSER, isSure: false }
/** Of apps that speak Chinese alone. */
const CHINESE_SHEET: Menu = { ...SHEET, entry: same("在浏览器打开") }
const LIST: Menu = { button: "kebab", at: "top", opens: "list", entry: IN_BROWSER, isSure: false }
const BOTTOM: Menu = { ...LIST, at: "bottom" }
const WINDOW: Menu = {
  ...{ button: "dots", at: "window", opens: "list", isSure: false },
  entry: { "zh-CN": ["用默认浏览器打开"], en: ["Open with Default Browser"] },
}

type Menus = { phone: Menu; ios?: Menu; desktop?: Menu }

const WECHAT: Menus = {
  phone: { ...SHEET, isSure: true },
  ios: {
    ...{ ...SHEET, isSure: true },
    entry: {
      "zh-CN": ["在 Safari 中打开", "在默认浏览器中打开"],
      en: ["Open in Safari", "Open in Default Browser"],
    },
  },
  desktop: { ...WINDOW, isSure: true },
}

/** An app that is not here has no such entry (Taobao, Alipay, JD, Meituan, Xiaohongshu) or is a browser itself: there only copying helps. */
const MENUS: Partial<Record<Platform, Menus>> = {
  wechat: WECHAT,
  wecom: WECHAT,
  "wechat-devtools": WECHAT,
  qq: { phone: CHINESE_SHEET, ios: { ...CHINESE_SHEET, entry: same("用 Safari 打开") }, desktop: WINDOW },
  dingtalk: { phone: SHEET, desktop: WINDOW },
  feishu: { phone: SHEET, desktop: WINDOW },
  douyin: { phone: { ...CHINESE_SHEET, button: "share" } },
  toutiao: { phone: CHINESE_SHEET },
  kuaishou: { phone: CHINESE_SHEET },
  weibo: { phone: CHINESE_SHEET },
  zhihu: { phone: CHINESE_SHEET },
  bilibili: { phone: CHINESE_SHEET },
  baidu: { phone: { ...BOTTOM, button: "dots", entry: same("在浏览器打开") } },
  tiktok: { phone: SHEET },
  instagram: { phone: { ...LIST, entry: IN_EXTERNAL }, ios: { ...SHEET, entry: IN_EXTERNAL } },
  facebook: {
    phone: { ...LIST, entry: IN_EXTERNAL },
    ios: { ...BOTTOM, button: "dots", entry: IN_EXTERNAL },
  },
  twitter: { phone: LIST, ios: { ...BOTTOM, button: "share", entry: IN_SAFARI } },
  line: {
    phone: { ...LIST, entry: IN_DEFAULT },
    ios: { ...BOTTOM, button: "share", entry: IN_DEFAULT },
  },
  kakaotalk: { phone: BOTTOM, ios: { ...BOTTOM, button: "share", entry: IN_SAFARI } },
  whatsapp: { phone: LIST },
}

const DESKTOPS: ReadonlySet<Os> = new Set(["windows", "macos", "linux"])

/** Null where there is no menu that leads out. */
export function menuOf(platform: Platform, os: Os): Menu | null {
  const menus = MENUS[platform]
  if (menus === undefined) return null
  if (DESKTOPS.has(os)) return menus.desktop ?? null
  return (os === "ios" && menus.ios) || menus.phone
}
