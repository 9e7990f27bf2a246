/** User-Agents and what browsers send with them. */
export const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
export const WECHAT =
  "Mozilla/5.0 (Linux; Android 13; V2156A Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160 MMWEBSDK/20231105 MicroMessenger/8.0.44.2502(0x28002C51) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64"
export const ZH = "zh-CN,zh;q=0.9,en;q=0.8"

type WithHeaders = { headers: Record<string, string> }

export const asSafari: WithHeaders = { headers: { "user-agent": SAFARI, accept: "text/html,*/*;q=0.8" } }
export const asWechat: WithHeaders = {
  headers: { "user-agent": WECHAT, accept: "text/html,*/*;q=0.8", "accept-language": ZH },
}
