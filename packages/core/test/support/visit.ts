import type { Visit } from "../../src/condition.ts"

export const VISIT: Visit = {
  nowMs: 1_000,
  platform: "wechat",
  os: "ios",
  device: "phone",
  browser: "webview",
  language: "zh-CN",
  referrer: "news.example.com",
  query: "utm_source=poster&x",
  ip: "203.0.113.7",
  placeOf: (ip) => (ip === "203.0.113.7" ? { country: "CN", region: "CN-GD" } : { country: "", region: "" }),
  isUnlocked: false,
}
