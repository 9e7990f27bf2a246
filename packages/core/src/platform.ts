// Which app's browser a visitor is in, by tokens of the User-Agent. Tokens of an engine or container (TBS, UWS, TTWebView,
// XWEB) never decide, and crawler marks are not looked at: what a fetcher claims to be is what it is treated as.

export const PLATFORMS = [
  "wechat-devtools",
  "wecom",
  "dingtalk",
  "taobao",
  "alipay",
  "feishu",
  "jd",
  "wechat",
  "qq",
  "tiktok",
  "douyin",
  "toutiao",
  "kuaishou",
  "xiaohongshu",
  "weibo",
  "meituan",
  "bilibili",
  "zhihu",
  "baidu",
  "facebook",
  "instagram",
  "line",
  "kakaotalk",
  "twitter",
  "whatsapp",
  "qqbrowser",
  "uc",
  "browser",
] as const

export type Platform = (typeof PLATFORMS)[number]

/**
 * The first row that matches decides, so the most specific app comes first and the engines' own browsers last: WeCom also
 * says MicroMessenger, old WeChat also says MQQBrowser, Taobao and DingTalk also say UCBrowser. Where an app has two rows,
 * the second is its lesser editions and its own HTTP client.
 */
const TOKENS: readonly (readonly [Platform, RegExp])[] = [
  // Other apps in the containers below: 学习强国 in DingTalk's, banks in Alipay's, merchants and riders in Meituan's.
  ["browser", /cn\.xuexi\.|mPaaSClient|com\.sankuai\.meituan\.(?!takeout)/i],
  ["browser", /meituangroup\/com\.(?!meituan\.i(?:meituan|takeaway)|sankuai|dianping)/i],
  ["wechat-devtools", /wechatdevtools\//i],
  ["wecom", /wxwork|com\.tencent\.wework/i],
  ["dingtalk", /DingTalk[/(]|dingtalk-(?:win|mac)|com\.alibaba\.android\.rimet/i],
  ["taobao", /AliApp\((?:TB|TM|LT)\b|@(?:taobao|tmall)_(?:android|iphone|ipad)/i],
  ["alipay", /AlipayClient|AliApp\(AP\b|AlipayDefined\(/i],
  ["feishu", /\bLark\/\d|LarkLocale\/|ChannelName\/(?:Feishu|Lark)\b|\bFeishu\/\d/i],
  ["jd", /(?:^|[\s;])jd(?:app|ltapp|pingou|mall|mp)[;/]|\bJD4i(?:Phone|Pad)/i],
  ["wechat", /MicroMessenger|WindowsWechat|MacWechat|\bWeixin\b|\bWeChat\/|^%E5%BE%AE%E4%BF%A1\//i],
  ["qq", /\bV1_[A-Z]{3}_SQ_|(?<![A-Z])QQ\/\d/i],
  ["tiktok", /musical_?ly|(?<![A-Z])trill[_/]\d|AppName\/(?:trill|ultralite)|\bTikTok[ /]\d|ugc\.trill/i],
  ["douyin", /(?<![A-Z])aweme[_/]\d|App(?:Name)?\/aweme|awemePcClient/i],
  ["douyin", /aweme_(?:lite|hotsoon)|^Aweme \d|\bdouyin(?:_\w{1,9})?\/\d|\.ugc\.aweme/i],
  ["toutiao", /\bNewsArticle|\bToutiaoMicroApp/i],
  ["toutiao", /\bNewsLite\b|^News [\d.]+ rv:|\.ss\.(?:android|iphone)\.article\.(?:news|lite)/i],
  ["kuaishou", /(?<![A-Z])Kwai(?:_Pro|_Lite)?\/|\bks(?:Nebula|thanos)\/|KsWebView\//i],
  ["kuaishou", /AllowKsCallApp|\bkwai-(?:android|ios)|com\.(?:smile\.gifmaker|kuaishou\.)/i],
  ["xiaohongshu", /(?:^|Mobile\/\w{1,12} )discover\/\d|XiaoHongShu\/\d/i],
  ["xiaohongshu", /xhsminiapp|xhsdiscover|com\.xingin\./i],
  ["weibo", /_weibo__?\d|\bWeibo(?:lite|Intl)?(?:iOS|Android)|\bWeibo \(i|^Weibo\/\d/i],
  ["meituan", /com\.(?:meituan\.i(?:meituan|takeaway)|sankuai\.meituan|dianping\.(?:v1|dpscope))/i],
  ["meituan", /\bMeituan(?:Group|Hybrid)\/|\bMApi \d\.\d \(/i],
  ["bilibili", /\bBili(?:App|bili)\/\d/i],
  ["bilibili", /\bBiliDroid\/|\bbili-(?:universal|inter|hd)|\bbilibili_pc\/|tv\.danmaku\.bili/i],
  ["zhihu", /ZhihuHybrid|com\.zhihu\.(?:android|ios)|osee2unified|\bFutureve\//i],
  ["baidu", /baidubox(?:app|lite|pad)/i],
  ["instagram", /\bInstagram\b/],
  ["facebook", /\bFB(?:AN|AV|_IAB)[/;]/],
  ["line", /(?<![\w-])L(?:ine|INE)\/\d/],
  ["kakaotalk", /\bKAKAOTALK(?!-scrap)/i],
  ["twitter", /\bTwitter(?: for |Android|-i(?:Phone|Pad)|\/[\d.]+ CFNetwork)/],
  // `WhatsApp/2.23.1 A` alone is a preview; the app itself goes on to name its device or its engine.
  ["whatsapp", /\bWA4A\/|\bWAiOS\/|\bWhatsApp\/[\d.]+ (?:\S+ Device|Chrome)\/|\bwhatsapp-linux-app/],
  // The third spelling of 浏 is what Node makes of its bytes.
  ["qqbrowser", /QQBrowser|^QQ(?:浏|%E6%B5%8F|\u00E6\u00B5\u008F)/i],
  ["uc", /UC ?Browser|UCWEB|\bUBrowser\/|\bUCMini\/|\bUC AppleWebKit/i],
]

/** The in-app browser a User-Agent names; `browser` for all else, other apps and crawlers included. */
export function platformOf(userAgent: string): Platform {
  for (const [platform, token] of TOKENS) if (token.test(userAgent)) return platform
  return "browser"
}
