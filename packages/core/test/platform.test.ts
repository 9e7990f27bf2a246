import { existsSync } from "node:fs"
import { resolve } from "node:path"
import t from "tap"
import { PLATFORMS, type Platform, platformOf } from "../src/platform.ts"
import { isQuick } from "./support/quick.ts"
import { userAgentsByLabel } from "./support/user-agents.ts"

const ANDROID =
  "Mozilla/5.0 (Linux; Android 13; M2012K11AC Build/TKQ1.221114.001; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
const X5 = `${ANDROID} Version/4.0 Chrome/89.0.4389.72 MQQBrowser/6.2 TBS/046125 Mobile Safari/537.36`
const UWS = `${ANDROID} Version/4.0 Chrome/57.0.2987.108 UCBrowser/11.9.4.974 UWS/2.13.2.36 Mobile Safari/537.36`
const WEBVIEW = `${ANDROID} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36`
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
const IPAD = "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko)"
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
const HARMONY =
  "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile"

const VISITORS: Readonly<Record<Exclude<Platform, "browser">, readonly string[]>> = {
  "wechat-devtools": [
    `${IPHONE} Mobile/14C92 Safari/601.1 wechatdevtools/1.05.2109131 MicroMessenger/8.0.5 port/3853`,
  ],
  wecom: [
    `${X5} wxwork/4.0.16 ColorScheme/Light MicroMessenger/7.0.1 NetType/WIFI Language/zh Lang/zh`,
    `${IPHONE} Mobile/15E148 wxworklocal/3.3.0 wxwork/4.0.0 MicroMessenger/7.0.1`,
    `${WINDOWS} Chrome/129.0.6668.101 Safari/537.36 wxwork/5.0.2 (MicroMessenger/6.2) WindowsWechat WeMail`,
  ],
  dingtalk: [
    `${UWS} AliApp(DingTalk/4.7.18) com.alibaba.android.rimet/12362010 Channel/1565683214685 language/zh-CN`,
    `${IPHONE} Mobile/19E258 AliApp(DingTalk/6.5.25) com.laiwang.DingTalk/24848649 Channel/201200 WK`,
    `${WINDOWS} Chrome/108.0.5359.125 Safari/537.36 dingtalk-win/1.0.0 nw(0.14.7) DingTalk(7.8.10-Release.1)`,
  ],
  taobao: [
    `${UWS} AliApp(TB/7.5.4) UCBS/2.11.1.1 WindVane/8.3.0 720X1280`,
    "iPhone7,1(iOS/11.0) AliApp(TB/8.4.0) Weex/0.20.0 1242x2208",
    `${IPHONE} Mobile/19H332 AliApp(TM/13.6.0) WindVane/8.7.2 TMIOS/201200@tmall_iphone_13.6.0 WK`,
  ],
  alipay: [
    `${UWS} UCBS/3.22.2.43 NebulaSDK/1.8.1 Nebula AlipayDefined(nt:4G,ws:393) AliApp(AP/10.2.76) AlipayClient/10.2.76`,
    `${IPHONE} Mobile/22F76 Ariver/1.1.0 AliApp(AP/10.7.86) AlipayClient/10.7.86 MiniProgram APXWebView`,
  ],
  feishu: [
    `${WEBVIEW} Lark/5.10.4 LarkLocale/zh_CN ChannelName/Feishu TTWebView/0751130016452`,
    `${IPHONE} Version/17.5.1 Mobile/15E148 Safari/604.1 Lark/7.24.10 LarkLocale/en_US ChannelName/Lark`,
    `${MAC} Lark/7.12.7 Chrome/120.0.6099.71 Safari/537.36 LarkLocale/zh_CN ChannelName/Feishu`,
  ],
  jd: [
    `jdapp;android;10.0.2;10;network/wifi;${X5}`,
    `jdltapp;iPhone;3.7.0;14.4;network/3g;${IPHONE} Mobile/15E148;supportJDSHWK/1`,
    "jdpingou;iPhone;5.11.0;15.1.1;network/wifi;model/iPhone13,2;appBuild/100755;brand/apple",
    "okhttp/3.12.1;jdmall;android;version/10.3.4;build/92451;",
    "JD4iPhone/167650 (iPhone; iOS 13.7; Scale/3.00)",
  ],
  wechat: [
    `${WEBVIEW} XWEB/1160043 MMWEBSDK/20231105 MicroMessenger/8.0.44.2502(0x28002C51) WeChat/arm64 Weixin`,
    `${X5} MMWEBID/347 MicroMessenger/7.0.1380(0x2700003A) Process/tools NetType/WIFI Language/zh_CN`,
    `${IPHONE} Mobile/15E148 MicroMessenger/8.0.31(0x18001f2f) miniProgram/wx73247c7819d61796`,
    `${HARMONY} MicroMessenger/8.0.10.36(0xf3100a24) Weixin NetType/4G XWEB/1140319`,
    `${WINDOWS} Chrome/39.0.2171.95 Safari/537.36 MicroMessenger/6.5.2.501 WindowsWechat QBCore/3.43 QQBrowser/9.0`,
    `${MAC} Chrome/132.0.0.0 Safari/537.36 MicroMessenger/7.0.20 MacWechat/WMPF UnifiedPCMacWechat(0xf2641702)`,
    `${X5} MicroMessenger/6.2.5.49_r7ead8bf.620 NetType/WIFI Language/zh_CN QQ/6.6.0.2935`,
    "mozilla/5.0 (linux; u; android 4.1.2; zh-cn) applewebkit/534.30 mobile safari/534.30 micromessenger/5.0.1.352",
    "WeChat/7.0.12.33 CFNetwork/1125.2 Darwin/19.4.0",
  ],
  qq: [
    `${X5} V1_AND_SQ_8.8.98_3002_YYB_D A_8089800 PA QQ/8.8.98.8410 NetType/4G WebP/0.3.0 Pixel/1080`,
    `${IPHONE} Mobile/20A380 QQ/103.4 TIM/3.4.2.653 V1_IPH_SQ_8.4.8_342_TIM_D Pixel/1284`,
    `${IPAD} Mobile/13G34 IPadQQ/6.1.0.211 QQ/6.1.0.211`,
    `${WINDOWS} QQ/9.9.25-42744 Chrome/138.0.7204.35 Electron/37.1.0 Safari/537.36 OS/win32,x64,10.0.26200`,
  ],
  tiktok: [
    `${WEBVIEW} musical_ly_2022803040 JsSdk/1.0 NetType/WIFI AppName/musical_ly BytedanceWebview/d8a21c6`,
    `${WEBVIEW}trill_400 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musically_go app_version/4.0.0`,
    `${WEBVIEW} Channel/release AppName/ultralite app_version/26.4.4 Region/EG ByteLocale/ar`,
    "com.zhiliaoapp.musically/2022600050 (Linux; U; Android 7.1.2; es_ES; SM-G988N; Build/NRD90M;tt-ok/3.12.13.1)",
    "TikTok 17.8.1 rv:178102 (iPhone; iOS 14.1; ja_JP) Cronet",
  ],
  douyin: [
    `${WEBVIEW} aweme_210600 JsSdk/1.0 NetType/4G AppName/aweme app_version/21.6.0 BytedanceWebview/d8a21c6`,
    `${WEBVIEW} aweme_lite_120400 AppName/aweme_lite JsSdk/1.0 NetType/WIFI Channel/oppo app_version/12.4.0`,
    `${IPHONE} Mobile/15E148 aweme_36.7.0 Region/CN WKWebView/1 Bullet/1 aweme/36.7.0 BytedanceWebview/d8a21c6`,
    `${WINDOWS} douyin/2.3.1 Chrome/104.0.5112.102 Electron/20.1.0 Safari/537.36 awemePcClient/2.3.1 buildId/10433720`,
    "com.ss.android.ugc.aweme/960 (Linux; U; Android 6.0.1; zh_TW; D6653; Build/23.5.A.0.575; Cronet/77.0.3844.0)",
    "Aweme 10.5.0 rv:105012 (iPhone; iOS 13.3.1; zh_CN) Cronet",
  ],
  toutiao: [
    `${WEBVIEW} aid/13 bytedancewebview/d8a21c6 JsSdk/2 NewsArticle/14.0.0 NetType/wifi TTWebView/1401130071401`,
    `${IPHONE} Mobile/15E148 NewsArticle/9.1.9.20 JsSdk/2.0 NetType/WIFI (News 9.1.9 15.100000)`,
    "com.ss.android.article.news/8960 (Linux; U; Android 10; zh_CN; PACT00; Build/QP1A.190711.020; Cronet/TTNetVersion)",
  ],
  kuaishou: [
    `${WEBVIEW} Yoda/3.2.17-rc2 Kwai/13.9.30.44872 OS_PRO_BIT/64 MAX_PHY_MEM/15272 KDT/PHONE`,
    `${WEBVIEW} KsWebView/1.8.90.529 (rel;r) Yoda/3.0.0-rc5 ksNebula/10.6.50.4023 AllowKsCallApp NetType/WIFI`,
    `${WEBVIEW} Yoda/oversea-3.1.1-rc6-cache ISDR/0 Kwai_Pro/10.9.10.537204 NetScore/53`,
    "kwai-android aegon/3.56.0",
  ],
  xiaohongshu: [
    `${IPHONE} Mobile/15E148 discover/8.45.1 (iPhone; iOS 17.5; Scale/3.00) Resolution/1170*2532 NetType/WiFi`,
    "discover/8.26 (iPhone; iOS 16.6; Scale/3.00) Resolution/1170*2532 Version/8.26 Build/8260253",
    `${WEBVIEW} XiaoHongShu/8.92`,
    `${WEBVIEW} xhsminiapp/1.0`,
  ],
  weibo: [
    `${WEBVIEW} Weibo (Xiaomi-MI 9 SE__weibo__11.1.3__android__android9)`,
    `${IPHONE} Mobile/15E148 Weibo (iPhone14,2__weibo__13.10.1__iphone__os17.0)`,
    `${IPHONE} Mobile/15E148 WeiboIntliOS_iPhone_6720`,
  ],
  meituan: [
    `${IPHONE} Mobile/15E148 TitansX/20.0.1.old KNB/1.0 meituangroup/com.meituan.imeituan/12.9.206 meituangroup/12.9.206`,
    `${WEBVIEW} TitansX/12.9.1 KNB/1.2.0 android/13 mt/com.sankuai.meituan/12.9.404 App/10120 MeituanGroup/12.9.404`,
    `${WEBVIEW} TitansNoX/11.6.12.5 KNB/1.2.0 android/7.1.1 dp/com.dianping.v1/10.2.14 com.dianping.v1/10.2.14`,
  ],
  bilibili: [
    `${X5} BiliApp/5531000 mobi_app/android channel/oppo internal_version/5531000`,
    "bili-universal/75500200 os/ios model/iPhone 12 mobi_app/iphone osVer/16.3.1 network/1",
  ],
  zhihu: [
    `ZhihuHybrid com.zhihu.android/Futureve/6.59.0 ${WEBVIEW}`,
    `ZhihuHybrid DefaultBrowser osee2unifiedRelease/1622 osee2unifiedReleaseVersion/6.20.0 ${IPAD} Mobile/15E148`,
  ],
  baidu: [
    `${WEBVIEW} T7/13.25 BDOS/1.0 (HarmonyOS 2.2.0) SP-engine/2.63.0 baiduboxapp/13.25.0.10 (Baidu; P1 11) NABar/1.0`,
    `${WEBVIEW} T7/15.30 swan/3.53.0 swan-baiduboxapp/15.31.0.10 baiduboxapp/15.31.0.10 (Baidu; P1 14)`,
  ],
  facebook: [
    `${IPHONE} Mobile/15G77 [FBAN/FBIOS;FBDV/iPhone10,4;FBMD/iPhone;FBSN/iOS;FBSV/11.4.1;FBLC/de_DE]`,
    `${WEBVIEW} [FB_IAB/FB4A;FBAV/442.0.0.33.113;]`,
  ],
  instagram: [
    `${IPHONE} Mobile/15E148 Instagram 300.0.0.0 (iPhone14,2; iOS 17_0; en_US; en; scale=3.00; 1170x2532; 1)`,
  ],
  line: [`${IPHONE} Mobile/15E148 Safari Line/13.0.0`, `${WEBVIEW} Line/14.12.2/IAB`],
  kakaotalk: [
    `${WEBVIEW};KAKAOTALK 1908210`,
    `${IPHONE} Mobile/15E148 Safari/604.1 KAKAOTALK/25.4.2 (INAPP)`,
  ],
  twitter: [`${IPHONE} Mobile/15E148 Twitter for iPhone/10.20`, `${WEBVIEW} TwitterAndroid`],
  whatsapp: [
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/141.0.7390.124 Mobile Safari/537.36 [WA4A/2.25.32.75;]",
    `${IPHONE} Version/26.6 Mobile/15E148 Safari/604.1 [WAiOS/2.26.31]`,
    "WhatsApp/2.17.427 Android/7.0 Device/motorola-Moto_C_Plus",
    `${WINDOWS} WhatsApp/2.2017.6 Chrome/76.0.3809.146 Electron/6.1.9 Safari/537.36`,
  ],
  qqbrowser: [
    X5,
    `${WINDOWS} Chrome/70.0.3538.25 Safari/537.36 Core/1.70.3870.400 QQBrowser/10.8.4405.400`,
    "QQ浏览器/14.8.1.5803; CFNetwork/1327.0.4; Darwin/21.2.0",
  ],
  uc: [
    "Mozilla/5.0 (Linux; U; Android 9; zh-CN; POCO F1) AppleWebKit/537.36 Version/4.0 UCBrowser/13.4.2.1306 Mobile Safari/537.36",
    "UCWEB/2.0 (MIDP-2.0; U; Adr 2.3.5; en-US; Micromax_A27) U2/1.0.0 UCBrowser/9.7.0.520 U2/1.0.0 Mobile",
    `${WINDOWS} Chrome/54.0.2840.99 UBrowser/5.6.12860.7 Safari/537.36`,
  ],
}

const NOT_IN_AN_APP: Readonly<Record<string, string>> = {
  Chrome: `${WINDOWS} Chrome/131.0.0.0 Safari/537.36`,
  Safari: `${IPHONE} Version/17.4 Mobile/15E148 Safari/604.1`,
  "a browser of HarmonyOS NEXT": `${HARMONY} HuaweiBrowser/5.1.3.3`,
  "a web view of no known app": WEBVIEW,
  "MIUI's browser with Baidu's mini programs": `${ANDROID} Chrome/118.0.0.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/18.5 swan-mibrowser`,
  "Baidu's browser, not its app": `${ANDROID} Version/4.0 Mobile Safari/534.30 baidubrowser/4.0.7.10 (Baidu; P1 4.0.4)`,
  "学习强国 in DingTalk's container": `${UWS} AliApp(DingTalk/4.5.15) cn.xuexi.android/12446789 Channel/700169 Device/XueXi`,
  "a bank in Alipay's container": `${IPHONE} Mobile/18F72 NebulaSDK/1.8.100112 Nebula Bankabc/Portal WK PSDType(1) mPaaSClient/7.0.3`,
  "Meituan's app for merchants": `${IPHONE} Mobile/15E148 TitansX/11.11.15 meituangroup/com.meituan.erp.retail.admin/1.18.8 meituangroup/1.18.8`,
  "Lazada in Alibaba's container": `${WEBVIEW} AliApp(LA/7.12.0) UCBS/2.11.1.1 TTID/600000@lazada_android_7.12.0`,
  "an app whose name ends in line": `${IPHONE} Mobile/14D27 bline/7 (iPhone OS 10.2.1, iPhone)`,
  "an engine that ByteDance's apps share": `${WEBVIEW} BytedanceWebview/d8a21c6 TTWebView/0881130048402`,
  Telegram: `${ANDROID} Chrome/144.0.7559.132 Safari/537.36 Telegram-Android/12.4.1 (Xiaomi; Android 15; SDK 35; HIGH)`,
  "Baidu's crawler": "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
  "a crawler that says Weibo": "Mozilla/5.0 (compatible; Weibo spider)",
  "a crawler that says Toutiao": `${ANDROID} Mobile Safari/537.36 (compatible; Bytespider; https://zhanzhang.toutiao.com/)`,
  "a preview of WhatsApp": "WhatsApp/2.23.20.0 A",
  "a preview of Signal": "WhatsApp/2",
  "a preview of KakaoTalk": "facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/",
  "a preview of LINE": "facebookexternalhit/1.1;line-poker/1.0",
  "a preview of DingTalk": `${WINDOWS} Chrome/63.0 Safari/537.36 DingTalkBot-LinkService/1.0`,
  nothing: "",
}

const MARKS = [
  "qcloudcdn-xinan",
  "wechatdevtools qcloudcdn-xinan Request-Source=4 Request-Channel=99",
  "thirdLandingPageFeInfra",
  "DingTalkBot-LinkService/1.0",
  "WhatsApp/2",
  "WhatsApp/2.23.20.0 A",
  "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
  "kakaotalk-scrap/1.0; +https://devtalk.kakao.com/",
  "line-poker/1.0",
  "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
  "TelegramBot (like TwitterBot)",
  "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
  "(compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
  "(compatible; Bytespider; https://zhanzhang.toutiao.com/)",
  "AppEngine-Google; (+http://code.google.com/appengine; appid: s~x)",
]

t.test("each app is recognised by its own token, whatever engine and system it runs on", async (t) => {
  for (const [platform, userAgents] of Object.entries(VISITORS)) {
    for (const userAgent of userAgents) t.equal(platformOf(userAgent), platform, userAgent)
  }
})

t.test("browser is the last word of the list, and no word is there twice", async (t) => {
  t.same(PLATFORMS, [...Object.keys(VISITORS), "browser"])
})

t.test("what is no known app is a browser", async (t) => {
  for (const [what, userAgent] of Object.entries(NOT_IN_AN_APP)) {
    t.equal(platformOf(userAgent), "browser", what)
  }
})

t.test("a fetcher's mark changes no platform", async (t) => {
  for (const userAgent of [...Object.values(VISITORS).flat(), ...Object.values(NOT_IN_AN_APP)]) {
    const changing = MARKS.filter((mark) => platformOf(`${userAgent} ${mark}`) !== platformOf(userAgent))
    t.same(changing, [], userAgent)
  }
})

t.test("no mix of tokens and marks escapes the list of platforms or lets a mark decide", async (t) => {
  const pieces = Object.values(VISITORS).flat().join(" ").split(" ")
  const random = mulberry32(20_240_601)
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)]
  const mixes = Array.from({ length: 2_000 }, () => {
    const userAgent = Array.from({ length: 1 + Math.floor(random() * 12) }, () => pick(pieces)).join(" ")
    return [userAgent, `${userAgent} ${pick(MARKS)}`] as const
  })
  const escaping = mixes.filter(([userAgent]) => !PLATFORMS.includes(platformOf(userAgent)))
  const decided = mixes.filter(([userAgent, marked]) => platformOf(userAgent) !== platformOf(marked))
  t.same({ escaping, decided }, { escaping: [], decided: [] })
})

t.test("8 KB of hostile text blows up no pattern", async (t) => {
  const tokens =
    "MicroMessenge|QQ/|Weibo (|com.sankuai.meituan|meituangroup/com.|WhatsApp/1 x|WhatsApp/1.1.1.1"
  const more =
    "V1_AND_SQ|Mobile/aaaaaaaaaaaa |discover/|douyin_|Twitter/1.1|MApi 1.1|Line/|a|1| |(|%25|微信|\0|\n|\uD800"
  for (const fragment of `MicroMessenger|${tokens}|${more}`.split("|")) {
    const userAgent = fragment.repeat(8_192 / fragment.length)
    t.ok(
      isQuick(() => platformOf(userAgent)),
      JSON.stringify(fragment),
    )
  }
})

const FILE = resolve(import.meta.dirname, "../../../../shared/data/user-agents.jsonl")
const absent = existsSync(FILE) ? false : `no labelled User-Agents at ${FILE}`

t.test("labelled User-Agents fall on their platforms", { skip: absent }, async (t) => {
  const known = new Set<string>(Object.keys(VISITORS))
  const visitors = { all: 0, right: 0 }
  const others = { all: 0, taken: 0 }
  for (const [label, userAgents] of userAgentsByLabel(FILE)) {
    const found = Map.groupBy(userAgents, platformOf)
    t.comment(
      `${label.padEnd(16)} ${[...found].map(([platform, { length }]) => `${platform} ${length}`).join(", ")}`,
    )
    const want = known.has(label) ? label : "browser"
    const wrong = userAgents.filter((userAgent) => platformOf(userAgent) !== want)
    if (known.has(label)) {
      for (const userAgent of wrong) t.comment(`wrong: ${userAgent}`)
      const right = userAgents.length - wrong.length
      t.ok(right / userAgents.length >= 0.9, `${right} of ${userAgents.length} of ${label}`)
      visitors.all += userAgents.length
      visitors.right += right
    } else {
      const { own = [], taken = [] } = Object.groupBy(wrong, (userAgent) =>
        CARRIES_AN_OWN_TOKEN.test(userAgent) ? "own" : "taken",
      )
      for (const userAgent of own) t.comment(`carries an app's own token: ${userAgent}`)
      for (const userAgent of taken) t.comment(`wrong: ${userAgent}`)
      others.all += userAgents.length
      others.taken += taken.length
    }
  }
  t.ok(visitors.right / visitors.all >= 0.99, `${visitors.right} of ${visitors.all} visitors in apps`)
  t.ok(others.taken / others.all <= 0.003, `${others.taken} of ${others.all} others taken for an app`)
})

/** A crawler in an app's clothes, or the app under another label: its platform is the app by intent. */
const CARRIES_AN_OWN_TOKEN = /MicroMessenger\/\d|UCBrowser\/\d/

function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
