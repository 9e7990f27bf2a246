import { existsSync } from "node:fs"
import type { IncomingHttpHeaders } from "node:http"
import { resolve } from "node:path"
import t from "tap"
import { isAutomated, isPrefetch } from "../src/automated.ts"
import { isQuick } from "./support/quick.ts"
import { userAgentsByLabel } from "./support/user-agents.ts"

const ANDROID =
  "Mozilla/5.0 (Linux; Android 13; M2012K11AC Build/TKQ1.221114.001; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
const WEBVIEW = `${ANDROID} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36`
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
const DOUYIN = "JsSdk/1.0 NetType/WIFI AppName/aweme BytedanceWebview/d8a21c6"

const IN_APPS = [
  `${WEBVIEW} XWEB/1160043 MicroMessenger/8.0.44.2502(0x28002C51) Process/tools WeChat/arm64 Weixin NetType/WIFI`,
  `${WEBVIEW} XWEB/1160043 MicroMessenger/8.0.44.2502(0x28002C51) Process/toolsmp WeChat/arm64 Weixin NetType/5G`,
  `${WEBVIEW} JsSdk/2 NewsArticle/8.8.5 NetType/4g TTWebView/0881130037409`,
  `${WEBVIEW} aweme_230400 ${DOUYIN}`,
  `${WEBVIEW} NebulaSDK/1.8.1 AlipayDefined(nt:4G) AliApp(AP/10.2.76) AlipayClient/10.2.76`,
  `${WEBVIEW} AliApp(TB/10.48.30) TTID/600000@taobao_android_10.48.30 WindVane/8.5.0`,
  `${WEBVIEW} AliApp(DingTalk/7.0.40) com.alibaba.android.rimet/30512345 Channel/201200`,
  `${IPHONE} Mobile/15E148 Weibo (iPhone14,2__weibo__13.10.1__iphone__os17.0)`,
  `${WEBVIEW} [FB_IAB/FB4A;FBAV/442.0.0.33.113;]`,
  `${WEBVIEW} [WA4A/2.25.32.75;]`,
  "Mozilla/5.0 (Linux; U; Android 4.4.2; zh-cn) AppleWebKit/537.36 MQQBrowser/5.0 QQ-URL-Manager Mobile Safari/537.36",
  "UCWEB/2.0 (MIDP-2.0; U; Adr 2.3.5; en-US; Micromax_A27) U2/1.0.0 UCBrowser/9.7.0.520 U2/1.0.0 Mobile",
]

const IN_BROWSERS = [
  `${WINDOWS} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0`,
  `${IPHONE} Version/17.4 Mobile/15E148 Safari/604.1`,
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (Linux; Android 15; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
  `${WEBVIEW} SogouMSE,SogouMobileBrowser/5.6.0`,
  `${IPHONE} Mobile/14F89 JsKit/1.0 (iOS) /SohuNews SohuNews/5.9.2`,
  `${WEBVIEW} AliApp(LA/7.12.0) UCBS/2.11.1.1 TTID/600000@lazada_android_7.12.0`,
  "Mozilla/5.0 (Linux; Android 4.2.2; LG Google TV TV Build/JDQ39) AppleWebKit/537.36 Chrome/29.0.1547.80 Safari/537.36",
  "Opera/9.80 (Linux 7325b0; U; HbbTV/1.1.1 (; Humax; HD NANO; 1.00.16; 1.0; ); ce-html/1.0; en) Presto/2.9.167 Version/11.50",
  "SonyEricssonw580i/R4EA Java/SEMC-Java/2.0 Profile/MIDP-2.0 Configuration/CLDC-1.1",
]

const FETCHERS = [
  `${WEBVIEW} MicroMessenger/8.0.38.2400(0x28002639) WeChat/arm64 Weixin qcloudcdn-xinan Request-Source=4`,
  `Mozilla/5.0 (Linux; Android 10; HD1900 Build/QKQ1.190716.003; wv) Chrome/75.0.3770.156 aweme_230400 ${DOUYIN}`,
  `Mozilla/5.0 (Linux; Android 13; PFFM10 Build/TP1A.220905.001; wv) Chrome/88.0.4324.181 aweme_250000 ${DOUYIN}`,
  `${WEBVIEW} aweme_280000 ${DOUYIN} thirdLandingPageFeInfra`,
  `${WINDOWS} Chrome/63.0 Safari/537.36 DingTalkBot-LinkService/1.0`,
  "WhatsApp/2",
  "WhatsApp/2.23.20.0 A",
  "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
  "facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/",
  "facebookexternalhit/1.1;line-poker/1.0",
  "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
  "TelegramBot (like TwitterBot)",
  "Twitterbot/1.0",
  "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
  "SAMSUNG-SGH-E250/1.0 Profile/MIDP-2.0 Configuration/CLDC-1.1 (compatible; Googlebot-Mobile/2.1; +http://www.google.com/bot.html)",
  `${WINDOWS} HeadlessChrome/120.0.0.0 Safari/537.36`,
  "UCWEB/2.0 (Linux; U) U2/1.0.0 UCBrowser/8.7.0.315 Mobile AppEngine-Google; (+http://code.google.com/appengine)",
]

const LIBRARIES = [
  "curl/8.4.0",
  "Wget/1.21",
  "python-requests/2.31.0",
  "Python/3.11 aiohttp/3.9.1",
  "Go-http-client/2.0",
  "Java/1.8.0_151",
  "Apache-HttpClient/4.5.13 (Java/11.0.2)",
  "okhttp/4.12.0",
  "axios/1.6.0",
  "node",
  "undici",
  "Dart/3.5 (dart:io)",
  "PostmanRuntime/7.36.0",
  "Mozilla/5.0",
]

t.test("nobody in an app, in a browser or on an old phone is taken for a machine", async (t) => {
  for (const userAgent of [...IN_APPS, ...IN_BROWSERS]) t.notOk(isAutomated(userAgent), userAgent)
})

t.test("crawlers, previews and HTTP libraries are automated, in an app's clothes too", async (t) => {
  for (const userAgent of [...FETCHERS, ...LIBRARIES]) t.ok(isAutomated(userAgent), userAgent)
})

t.test("a known fetcher's mark is enough in any app", async (t) => {
  const marks = [
    "qcloudcdn-xinan",
    "thirdLandingPageFeInfra",
    "DingTalkBot-LinkService/1.0",
    "WhatsApp/2.23.20.0 A",
    "facebookexternalhit/1.1",
    "Slackbot 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
  ]
  for (const userAgent of IN_APPS) {
    const passing = marks.filter((mark) => !isAutomated(`${userAgent} ${mark}`))
    t.same(passing, [], userAgent)
  }
})

t.test(
  "only the two frozen pairs of build and version are scrapers, not their phone or their version",
  async (t) => {
    const douyin = (build: string, version: string) =>
      `Mozilla/5.0 (Linux; Android 10; ${build} Build/QKQ1.190716.003; wv) Chrome/75.0.3770.156 aweme_${version} ${DOUYIN}`
    t.ok(isAutomated(douyin("HD1900", "230400")))
    t.ok(isAutomated(douyin("PFFM10", "250000")))
    t.notOk(isAutomated(douyin("HD1900", "250000")))
    t.notOk(isAutomated(douyin("PFFM10", "280000")))
    t.notOk(isAutomated(douyin("M2102J2SC", "230400")))
  },
)

t.test("an empty User-Agent is automated", async (t) => {
  t.ok(isAutomated(""))
  t.ok(isAutomated(" \t"))
})

t.test(
  "a browser that fetches ahead of its user is automated, by any of the headers that say so",
  async (t) => {
    const ahead: IncomingHttpHeaders[] = [
      { "sec-purpose": "prefetch" },
      { "sec-purpose": "prefetch;prerender" },
      { "sec-purpose": "prefetch;anonymous-client-ip" },
      { purpose: "prefetch" },
      { purpose: "Preview" },
      { "x-purpose": "preview" },
      { "x-moz": "prefetch" },
      { "x-moz": ["prefetch"] },
    ]
    for (const headers of ahead) {
      t.ok(isPrefetch(headers), JSON.stringify(headers))
      t.ok(isAutomated(WEBVIEW, headers), JSON.stringify(headers))
    }
    const present: IncomingHttpHeaders[] = [
      {},
      { purpose: "" },
      { "sec-purpose": "navigate" },
      { referer: "/prefetch" },
    ]
    for (const headers of present) t.notOk(isAutomated(WEBVIEW, headers), JSON.stringify(headers))
  },
)

t.test("8 KB of hostile text blows up no pattern", async (t) => {
  const tokens =
    "HD1900 Build/|HD1900 Build/ aweme_23040|bot-|bot-aaaaaaaaaaaaaaaa|WhatsApp/1.1|aaaaBrowse|%25Browser"
  const letters = "@a|a@b|A/1.0|a|1| |(|;|; w|/1.|微|\0|\n|\uD800"
  for (const fragment of `${tokens}|${letters}`.split("|")) {
    const userAgent = fragment.repeat(8_192 / fragment.length)
    t.ok(
      isQuick(() => isAutomated(userAgent)),
      JSON.stringify(fragment),
    )
  }
})

const FILE = resolve(import.meta.dirname, "../../../../shared/data/user-agents.jsonl")
const absent = existsSync(FILE) ? false : `no labelled User-Agents at ${FILE}`

t.test("labelled machines are told from labelled people", { skip: absent }, async (t) => {
  for (const [label, userAgents] of userAgentsByLabel(FILE)) {
    const { machines = [], people = [] } = Object.groupBy(userAgents, (userAgent) =>
      isAutomated(userAgent) ? "machines" : "people",
    )
    const share = machines.length / userAgents.length
    t.comment(`${label.padEnd(16)} machines ${machines.length}, people ${people.length}`)
    switch (label) {
      case "bot":
        for (const userAgent of people) t.comment(`missed: ${userAgent}`)
        t.ok(share >= 0.96, `${share} of the bots are flagged`)
        break
      case "browser":
        for (const userAgent of machines) t.comment(`flagged: ${userAgent}`)
        t.ok(share <= 0.01, `${share} of the browsers are flagged`)
        break
      case "other":
        break
      default:
        for (const userAgent of machines) t.comment(`flagged: ${userAgent}`)
        t.same(
          machines.filter((userAgent) => !A_FETCHERS_MARK.test(userAgent)),
          [],
          `${label} without a mark`,
        )
    }
  }
})

const A_FETCHERS_MARK =
  /qcloudcdn-xinan|AppEngine-Google|PFFM10 .*aweme_250000|HD1900 .*aweme_230400|^WhatsApp\/[\d.]+ [A-Z]$/
