import { isbot } from "isbot"
import { platformOf } from "./platform.ts"

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Machines that would pass for a visitor, often for an app's, but for this. */
const FETCHERS: readonly RegExp[] = [
  /qcloudcdn-xinan/i, // Tencent's content inspection: a real WeChat and this
  /HD1900 Build\/.{0,200}aweme_230400|PFFM10 Build\/.{0,200}aweme_250000/i, // scrapers frozen at Douyin 23.4.0 and 25.0.0
  /thirdLandingPageFeInfra/i, // ByteDance's check of advertised pages
  /\bWhatsApp\/[\d.]+(?: [A-Z])?$/i, // a preview; Signal sends `WhatsApp/2`
  /facebookexternalhit|facebookcatalog|meta-external|kakaotalk-scrap|line-poker|SkypeUriPreview/i,
  /(?<!cu)bot(?:-\w{1,30})?\/\d|\b(?:Telegram|Slack|Twitter|Discord|Google)bot/i, // not Cubot, which makes phones
  /(?:Baidu|Byte|Yisou|Sogou web )spider|AppEngine-Google|BrandVerity/i,
  /HeadlessChrome|PhantomJS|Chrome-Lighthouse|GTmetrix/i,
]

/** What fetchers add to a visitor's User-Agent, with the version of it. */
const MARKS =
  /\s*\b(?:qcloudcdn-xinan|thirdLandingPageFeInfra|facebookexternalhit|facebookcatalog|meta-external\w+|kakaotalk-scrap|line-poker|SkypeUriPreview|DingTalkBot-LinkService|(?:Ads|Telegram|Slack|Twitter|Discord|Google)bot(?:-[\w-]{1,30})?|(?:Baidu|Byte|Yisou)spider|BrandVerity)(?:\/[\w.]{1,20})?/gi

/** Clients, monitors and previews that isbot has no word for. Office looks at a link before it opens the browser. */
const UNLISTED =
  /^(?:Dart|ReactorNetty|kubectl|twine|gitlab-\w+|undici|Deno|Bun)[/ ]|Uptime|yunjiankong|Screenshot|Unshorten|Miniature\.io|\b(?:Amzn|amazon)-|\bMicrosoft (?:Office|Outlook)|\b(?:Word|Excel|PowerPoint)\/\d/i

/** People whom isbot takes for machines, since it looks for words like Java, google, news or .com anywhere. */
const PEOPLE: readonly RegExp[] = [
  /; wv\)|Gecko\) Mobile\/\w/, // the web view of some other app
  /Profile\/|MIDP|CLDC|Obigo|NetFront|\bMAUI\b|\bMRE\b|Bada\/|BlackBerry|Nokia|SonyEricsson|^MOT-|^i(?:Phone|Pad|Pod)/i, // phones
  /HbbTV|CE-HTML|NETTV|(?:Google|Smart|Apple) ?TV|webOS|VIDAA|Nintendo/i, // televisions and consoles
  /\b[\w%]*Browser\b|Sogou(?:MSE|Mobile)|Google ?Earth|Opera\/9|Konqueror|Dillo|Lynx|w3m|^ddg_/i, // browsers
  /\.NET CLR|Media Center PC|InfoPath|chromeframe|Google-TR|translate\.google|ICAPoHTTPS/i, // what old ones list as installed
]

/** A name or an address that no browser carries; whoever has one is not among the people. */
const NAMED = /(?<!cu)bots?\b|spider|crawl|preview|https?:\/\//i

const PREFETCH_HEADERS = ["sec-purpose", "purpose", "x-purpose", "x-moz"] as const
const PREFETCH = /prefetch|preview|prerender/i

/**
 * Whether a machine asks: a crawler, fetcher, preview or HTTP library by its User-Agent, or a browser ahead of its user by
 * its headers. For statistics only: nobody is answered differently for it.
 */
export function isAutomated(userAgent: string, headers: Headers = {}): boolean {
  return isPrefetch(headers) || isMachine(userAgent)
}

/** The User-Agent without a fetcher's marks: what it says of system, device and browser must not change by them. */
export function withoutMarks(userAgent: string): string {
  return userAgent.replace(MARKS, "")
}

/** Whether a browser fetches ahead of its user, by Node's lower-cased headers. */
export function isPrefetch(headers: Headers): boolean {
  return PREFETCH_HEADERS.some((name) => {
    const said = headers[name]
    return said !== undefined && PREFETCH.test(String(said))
  })
}

// Apps are told first: isbot's words (tools, news, .com) are parts of what their web views say.
function isMachine(userAgent: string): boolean {
  if (userAgent.trim() === "" || FETCHERS.some((mark) => mark.test(userAgent))) return true
  if (platformOf(userAgent) !== "browser") return false
  if (UNLISTED.test(userAgent)) return true
  return isbot(userAgent) && (NAMED.test(userAgent) || !PEOPLE.some((mark) => mark.test(userAgent)))
}
