import t from "tap"
import { BROWSERS, createVisitors, DEVICES, OS, type Visitor } from "../src/visitor.ts"
import { isQuick } from "./support/quick.ts"

const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
const ANDROID =
  "Mozilla/5.0 (Linux; Android 13; M2012K11AC Build/TKQ1.221114.001; wv) AppleWebKit/537.36 (KHTML, like Gecko)"
const X5 = `${ANDROID} Version/4.0 Chrome/89.0.4389.72 MQQBrowser/6.2 TBS/046125 Mobile Safari/537.36`
const NEXT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1"
const WECHAT = "MicroMessenger/8.0.44.2502(0x28002C51) WeChat/arm64 Weixin NetType/WIFI"

/** Platform, system, device and browser of the User-Agents that follow. */
const VISITORS: Readonly<Record<string, readonly string[]>> = {
  "browser windows desktop chrome": [`${WINDOWS} Chrome/131.0.0.0 Safari/537.36`],
  "browser windows desktop edge": [`${WINDOWS} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0`],
  "browser windows desktop opera": [`${WINDOWS} Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0`],
  "browser windows desktop ie": ["Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko"],
  "browser macos desktop safari": [`${MAC} Version/17.3 Safari/605.1.15`],
  "browser linux desktop firefox": [
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
  ],
  "browser chromeos desktop chrome": [
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
  ],
  "browser ios phone safari": [`${IPHONE} Version/17.4 Mobile/15E148 Safari/604.1`],
  "browser ios phone chrome": [`${IPHONE} CriOS/124.0.6367.88 Mobile/15E148 Safari/604.1`],
  "browser ios phone webview": [`${IPHONE} Mobile/15E148`],
  "browser ios tablet safari": [
    "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
  ],
  "browser android phone chrome": [
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
  ],
  "browser android tablet chrome": [
    "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  ],
  "browser android phone samsung": [
    "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/24.0 Chrome/117.0.0.0 Mobile Safari/537.36",
  ],
  "browser android phone miui": [
    `${ANDROID} Version/4.0 Chrome/118.0.0.0 Mobile Safari/537.36 XiaoMi/MiuiBrowser/18.5 swan-mibrowser`,
  ],
  "browser android phone vivo": [
    `${ANDROID} Version/4.0 Chrome/87.0.4280.141 Mobile Safari/537.36 VivoBrowser/20.3.0.1`,
  ],
  "browser android phone oppo": [
    `${ANDROID} Version/4.0 Chrome/90.0.4430.61 Mobile Safari/537.36 HeyTapBrowser/40.8.4.1`,
  ],
  "browser android phone webview": [`${ANDROID} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36`],
  "browser harmonyos phone huawei": [
    "Mozilla/5.0 (Linux; Android 10; HarmonyOS; TAS-AN00; HMSCore 6.7.0.322) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/92.0.4515.105 HuaweiBrowser/12.1.3.303 Mobile Safari/537.36",
    `Mozilla/5.0 (Phone; OpenHarmony 5.0) ${NEXT} Mobile HuaweiBrowser/5.1.3.3`,
  ],
  "browser harmonyos tablet huawei": [
    `Mozilla/5.0 (Tablet; OpenHarmony 6.1) ${NEXT} HuaweiBrowser/6.1.6.310`,
  ],
  "browser harmonyos desktop huawei": [
    `Mozilla/5.0 (PC; OpenHarmony 5.0; Windows NT 10.0) ${NEXT} HuaweiBrowser/5.1.3.3`,
  ],
  "browser other tv other": ["HbbTV/1.2.1 (;Samsung;SmartTV2015;T-HKPDEUC-0610.10;;) WebKit"],
  "browser other console webview": [
    "Mozilla/5.0 (PlayStation 4 3.11) AppleWebKit/537.73 (KHTML, like Gecko)",
  ],
  "browser other other other": [""],
  "wechat android phone webview": [
    `${ANDROID} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160043 ${WECHAT}`,
  ],
  "wechat android tablet webview": [
    `Mozilla/5.0 (Linux; Android 12; ABC; wv) AppleWebKit/537.36 Chrome/116.0.0.0 Safari/537.36 ${WECHAT} Android Tablet`,
  ],
  "wechat harmonyos phone webview": [`Mozilla/5.0 (Phone; OpenHarmony 5.0) ${NEXT} Mobile ${WECHAT}`],
  "wechat windows desktop webview": [
    `${WINDOWS} Chrome/126.0.0.0 Safari/537.36 ${WECHAT} WindowsWechat(0x63090c33)`,
  ],
  "wechat macos desktop webview": [
    `${MAC} Chrome/107.0.0.0 Safari/537.36 ${WECHAT} MacWechat/3.8.10(0x13080a10)`,
  ],
  "bilibili android phone webview": [`${X5} BiliApp/5531000 mobi_app/android`],
  "jd ios phone webview": [`jdapp;iPhone;10.0.2;13.3;network/wifi;${IPHONE} Mobile/15E148;supportJDSHWK/1`],
  "tiktok ios phone webview": ["TikTok 17.8.1 rv:178102 (iPhone; iOS 14.1; ja_JP) Cronet"],
  "qqbrowser android phone qq": [X5],
  "uc android phone uc": [
    "UCWEB/2.0 (MIDP-2.0; U; Adr 2.3.5; en-US; Micromax_A27) U2/1.0.0 UCBrowser/9.7.0.520 U2/1.0.0 Mobile",
  ],
}

const wordsOf = ({ platform, os, device, browser }: Visitor) => `${platform} ${os} ${device} ${browser}`

t.test("platform, system, device and browser are told apart", async (t) => {
  const visitorOf = createVisitors(100)
  for (const [words, userAgents] of Object.entries(VISITORS)) {
    for (const userAgent of userAgents) t.equal(wordsOf(visitorOf(userAgent)), words, userAgent)
  }
})

t.test("a fetcher's mark changes nothing but automated and the id", async (t) => {
  const visitorOf = createVisitors(100)
  const marks = [
    "qcloudcdn-xinan",
    "thirdLandingPageFeInfra",
    "DingTalkBot-LinkService/1.0",
    "Bytespider",
    "bingbot/2.0",
    "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
  ]
  for (const [words, userAgents] of Object.entries(VISITORS)) {
    for (const marked of userAgents.flatMap((userAgent) => marks.map((mark) => `${userAgent} ${mark}`))) {
      t.equal(wordsOf(visitorOf(marked)), words, marked)
      t.ok(visitorOf(marked).automated, marked)
    }
  }
})

t.test("automated is by the User-Agent", async (t) => {
  const visitorOf = createVisitors(10)
  t.equal(visitorOf("curl/8.4.0").automated, true)
  t.equal(visitorOf("").automated, true)
  t.equal(visitorOf(`${X5} ${WECHAT} Process/tools`).automated, false)
})

t.test("equal User-Agents give one visitor while it is remembered", async (t) => {
  const visitorOf = createVisitors(2)
  const first = visitorOf("a")
  t.equal(visitorOf("a"), first)
  visitorOf("b")
  t.equal(visitorOf("a"), first, "asked for again, so kept")
  visitorOf("c")
  t.equal(visitorOf("a"), first)
  visitorOf("d")
  visitorOf("e")
  t.not(visitorOf("a"), first, "no more than two are remembered")
  t.same(visitorOf("a"), first, "forgotten and read again it is the same visitor")
})

t.test("an id is short, stable and tells User-Agents apart", async (t) => {
  const userAgents = Object.values(VISITORS).flat()
  const ids = userAgents.map((userAgent) => createVisitors(1)(userAgent).id)
  t.equal(new Set(ids).size, userAgents.length)
  for (const id of ids) t.match(id, /^[\w-]{11}$/)
  t.equal(createVisitors(1)("").id, "47DEQpj8HBS", "the head of SHA-256 in base64url")
})

t.test("only the first 512 characters count", async (t) => {
  const visitorOf = createVisitors(10)
  const head = `${X5} ${WECHAT} `.padEnd(512, "x")
  t.equal(visitorOf(`${head} Lark/7.0`), visitorOf(head))
  t.equal(visitorOf(head + "y".repeat(16_384)), visitorOf(head))
  t.equal(visitorOf("x".repeat(512) + X5).platform, "browser")
})

t.test("whatever comes, the words are from the lists and come at once", async (t) => {
  const fragments =
    "a|1|\0|微信|\uD800|android ; |droid ; |MIDP; opera|Safari/5|Mozilla/5.0 (|Windows | B TBS/"
  for (const fragment of fragments.split("|")) {
    const userAgent = fragment.repeat(8_192 / fragment.length)
    const { os, device, browser } = createVisitors(1)(userAgent)
    t.ok(OS.includes(os) && DEVICES.includes(device) && BROWSERS.includes(browser), JSON.stringify(fragment))
    t.ok(
      isQuick(() => createVisitors(1)(userAgent)),
      JSON.stringify(fragment),
    )
  }
})

t.test("a fetcher's mark changes neither platform, system, device nor browser", async (t) => {
  const visitorOf = createVisitors(1_000)
  const marks = [
    ...[
      "qcloudcdn-xinan",
      "thirdLandingPageFeInfra",
      "DingTalkBot-LinkService/1.0",
      "facebookexternalhit/1.1",
    ],
    ...["AdsBot-Google-Mobile", "Googlebot/2.1", "Slackbot-LinkExpanding", "Baiduspider/2.0"],
  ]
  for (const userAgent of Object.values(VISITORS).flat()) {
    const { platform, os, device, browser } = visitorOf(userAgent)
    for (const mark of marks) {
      t.match(visitorOf(`${userAgent} ${mark}`), { platform, os, device, browser }, mark)
    }
  }
})
