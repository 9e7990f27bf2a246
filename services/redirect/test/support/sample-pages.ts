import { crc32, deflateSync } from "node:zlib"
import type { AppTarget, MiniProgramTarget } from "@qiao/core/app.ts"
import { type Brand, brand, LOGO_SIZE_MAX_BYTES } from "@qiao/core/brand.ts"
import type { Page } from "../../src/pages/layout.ts"
import type { createPages } from "../../src/pages/pages.ts"
import { FIXED_PAGES, type Language } from "../../src/pages/texts.ts"

/** Everything a request may bring to a page. */
export type Words = {
  shortUrl: string
  targetHost: string
  url: string
  action: string
  token: string
  app: AppTarget
  miniProgram: MiniProgramTarget
  signatureUrl: string
}

export const WORDS: Words = {
  shortUrl: "https://s.example.com/k7Qm2xZ?from=poster",
  targetHost: "shop.example.com",
  url: "https://shop.example.com/spring?a=1&b=2",
  action: "/k7Qm2xZ",
  token: "abcdefghi-_",
  app: {
    open: "myapp://item/1",
    store: "https://apps.apple.com/cn/app/id123456789",
    web: "https://shop.example.com/spring",
  },
  miniProgram: {
    appId: "wx0123456789abcdef",
    path: "pages/index/index",
    query: "a=1&b=2",
    name: "春季商城",
    open: "weixin://dl/business/?appid=wx0123456789abcdef",
    web: "https://shop.example.com/spring",
    isInside: true,
  },
  signatureUrl: "https://sign.example.com/wechat?site=1",
}

type Make = (pages: ReturnType<typeof createPages>, language: Language, words: Words) => Page

/** A page of each kind and state, and a guide for each place of the menu. */
export const SAMPLES: Record<string, Make> = {
  ...Object.fromEntries(
    FIXED_PAGES.map((name): [string, Make] => [name, (pages, language) => pages.fixed(name, language)]),
  ),
  "guide: WeChat on iOS": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "wechat", os: "ios" }),
  "guide: WeChat on Android": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "wechat", os: "android" }),
  "guide: WeCom on Windows": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "wecom", os: "windows" }),
  "guide: QQ on iOS": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "qq", os: "ios" }),
  "guide: Douyin": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "douyin", os: "android" }),
  "guide: LINE on iOS": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "line", os: "ios" }),
  "guide: Facebook on Android": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "facebook", os: "android" }),
  "guide: Taobao": (pages, language, words) =>
    pages.guide({ ...words, language, platform: "taobao", os: "ios" }),
  password: (pages, language) => pages.password({ language, fault: null }),
  "password: wrong": (pages, language) => pages.password({ language, fault: "wrong" }),
  "password: busy": (pages, language) => pages.password({ language, fault: "busy" }),
  "password: limited": (pages, language) => pages.password({ language, fault: "limited" }),
  preview: (pages, language, { shortUrl, url, action }) =>
    pages.preview({ language, shortUrl, url, reportUrl: `${action}+report` }),
  "preview: protected": (pages, language, { shortUrl, action }) =>
    pages.preview({ language, shortUrl, url: null, reportUrl: `${action}+report` }),
  report: (pages, language, words) => pages.report({ ...words, language, state: "form" }),
  "report: incomplete": (pages, language, words) => pages.report({ ...words, language, state: "incomplete" }),
  "report: thanks": (pages, language, words) => pages.report({ ...words, language, state: "thanks" }),
  "report: limited": (pages, language, words) => pages.report({ ...words, language, state: "limited" }),
  "report: unavailable": (pages, language, words) =>
    pages.report({ ...words, language, state: "unavailable" }),
  "app: Safari": (pages, language, { app }) =>
    pages.app({ language, platform: "browser", os: "ios", target: app }),
  "app: WeChat": (pages, language, { app }) =>
    pages.app({ language, platform: "wechat", os: "android", target: { ...app, store: null } }),
  "mini program: outside WeChat": (pages, language, { miniProgram }) =>
    pages.miniProgram({ language, target: { ...miniProgram, isInside: false }, signatureUrl: null }),
  "mini program: in WeChat": (pages, language, { miniProgram }) =>
    pages.miniProgram({ language, target: miniProgram, signatureUrl: null }),
  "mini program: open tag": (pages, language, { miniProgram, signatureUrl }) =>
    pages.miniProgram({ language, target: miniProgram, signatureUrl }),
}

/** One that is as big as a logo may be. */
const LOGO = pngOf(LOGO_SIZE_MAX_BYTES).toString("base64")

const ownWords = { title: "题".repeat(60), lead: "词".repeat(300) }

/** None, one that sets everything to its limit, and one of a colour that hardly stands out. */
export const BRANDS: Record<string, Brand | null> = {
  none: null,
  full: brand.parse({
    ...{ name: "名".repeat(40), colour: "#0b5cad", logo: LOGO },
    guide: { "zh-CN": ownWords, en: ownWords },
  }),
  pale: brand.parse({ name: "Lemon & Sons", colour: "#fff3b0" }),
}

/** A PNG of 32 × 32 pixels in one colour, filled up to its size by a chunk of text. */
function pngOf(sizeBytes: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(32, 0)
  header.writeUInt32BE(32, 4)
  header.set([8, 2], 8)
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(32 * 3, 0xc0)])
  const image = chunk("IDAT", deflateSync(Buffer.concat(Array.from({ length: 32 }, () => row))))
  const ends = [Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), image, chunk("IEND")]
  const rest = sizeBytes - Buffer.concat(ends).length - chunk("tEXt").length
  return Buffer.concat([
    ...ends.slice(0, 3),
    chunk("tEXt", Buffer.from("Comment\0".padEnd(rest, "."))),
    ...ends.slice(3),
  ])
}

function chunk(type: string, data = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
