import type { Platform } from "@qiao/core/platform.ts"

export type Language = "zh-CN" | "en"
export const LANGUAGES = ["zh-CN", "en"] as const

export function byLanguage<T>(make: (language: Language) => T): Record<Language, T> {
  return { "zh-CN": make("zh-CN"), en: make("en") }
}

/** Chinese for whoever reads Chinese first, English for everyone else. */
export function pageLanguage(languageTag: string): Language {
  return /^zh\b/i.test(languageTag) ? "zh-CN" : "en"
}

export const FIXED_PAGES = [
  "denied",
  "gone",
  "not_found",
  "not_started",
  "banned",
  "too_long",
  "unavailable",
  "misdirected",
  "limited",
  "failed",
] as const
export type FixedPage = (typeof FIXED_PAGES)[number]

export const STATUS: Record<FixedPage, number> = {
  denied: 403,
  gone: 410,
  not_found: 404,
  not_started: 404,
  banned: 451,
  too_long: 414,
  unavailable: 503,
  misdirected: 421,
  limited: 429,
  failed: 500,
}

type Text = { title: string; body: string }

export const FIXED: Record<Language, Record<FixedPage, Text>> = {
  "zh-CN": {
    denied: {
      title: "这个链接不能在这里打开",
      body: "链接的主人限定了可以打开它的应用。请回到收到链接的应用里打开。",
    },
    gone: {
      title: "链接已失效",
      body: "这个链接已停用、已到期，或者已被删除。请向发给您链接的人索取新的链接。",
    },
    not_found: { title: "没有找到这个链接", body: "请检查地址是否完整、大小写是否正确。" },
    not_started: { title: "链接尚未生效", body: "现在还不到开放的时间，请稍后再来。" },
    banned: { title: "链接已被封禁", body: "这个链接因违反使用规则或应法律要求而不再开放。" },
    too_long: { title: "地址太长", body: "这个链接后面附带的内容太长，无法转到目标页面。" },
    unavailable: { title: "暂时无法打开", body: "服务繁忙，请稍后重新打开这个链接。" },
    misdirected: { title: "地址有误", body: "这台服务器不提供这个域名的链接。" },
    limited: { title: "请求过于频繁", body: "您的网络在短时间内打开了太多不存在的链接，请稍后再试。" },
    failed: { title: "出错了", body: "服务器遇到意外的问题，请稍后再试。" },
  },
  en: {
    denied: {
      title: "This link does not open here",
      body: "Its owner chose the apps it opens in. Please open it in the app in which you received it.",
    },
    gone: {
      title: "This link is no longer active",
      body: "It was switched off, has run out, or was deleted. Please ask whoever sent it for a new one.",
    },
    not_found: {
      title: "There is no such link",
      body: "Please check that the address is complete and its capital letters are right.",
    },
    not_started: {
      title: "This link is not open yet",
      body: "Its time has not come. Please try again later.",
    },
    banned: {
      title: "This link is blocked",
      body: "It is closed because it broke the rules of this service or because the law demands it.",
    },
    too_long: {
      title: "This address is too long",
      body: "More is attached to this link than can be passed on to where it leads.",
    },
    unavailable: {
      title: "Not available just now",
      body: "The service is busy. Please open the link again in a moment.",
    },
    misdirected: { title: "Wrong address", body: "This server has no links for this host name." },
    limited: {
      title: "Too many requests",
      body: "Your network opened too many links that do not exist. Please try again in a minute.",
    },
    failed: {
      title: "Something went wrong",
      body: "The server met an unexpected problem. Please try again later.",
    },
  },
}

export const APP_UNNAMED: Record<Language, string> = { "zh-CN": "当前应用", en: "this app" }

export const APP_NAMES: Partial<Record<Platform, Record<Language, string>>> = {
  wechat: { "zh-CN": "微信", en: "WeChat" },
  "wechat-devtools": { "zh-CN": "微信", en: "WeChat" },
  wecom: { "zh-CN": "企业微信", en: "WeCom" },
  qq: { "zh-CN": " QQ ", en: "QQ" },
  dingtalk: { "zh-CN": "钉钉", en: "DingTalk" },
  feishu: { "zh-CN": "飞书", en: "Feishu" },
  alipay: { "zh-CN": "支付宝", en: "Alipay" },
  taobao: { "zh-CN": "淘宝", en: "Taobao" },
  jd: { "zh-CN": "京东", en: "JD" },
  douyin: { "zh-CN": "抖音", en: "Douyin" },
  tiktok: { "zh-CN": " TikTok ", en: "TikTok" },
  toutiao: { "zh-CN": "今日头条", en: "Toutiao" },
  kuaishou: { "zh-CN": "快手", en: "Kuaishou" },
  xiaohongshu: { "zh-CN": "小红书", en: "Xiaohongshu" },
  weibo: { "zh-CN": "微博", en: "Weibo" },
  meituan: { "zh-CN": "美团", en: "Meituan" },
  bilibili: { "zh-CN": "哔哩哔哩", en: "Bilibili" },
  zhihu: { "zh-CN": "知乎", en: "Zhihu" },
  baidu: { "zh-CN": "百度", en: "Baidu" },
  facebook: { "zh-CN": " Facebook ", en: "Facebook" },
  instagram: { "zh-CN": " Instagram ", en: "Instagram" },
  line: { "zh-CN": " LINE ", en: "LINE" },
  kakaotalk: { "zh-CN": " KakaoTalk ", en: "KakaoTalk" },
  twitter: { "zh-CN": " X ", en: "X" },
  whatsapp: { "zh-CN": " WhatsApp ", en: "WhatsApp" },
}
