import { request } from "node:http"

export type VisitAnswer = { status: number; location: string | undefined; body: string }

export const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
export const WECHAT =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50(0x18003234) NetType/WIFI Language/zh_CN"
export const CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

/** One visit, without following its redirect. Throws when no answer comes. */
export function visit(url: string, userAgent = SAFARI): Promise<VisitAnswer> {
  return new Promise((resolve, reject) => {
    const req = request(url, { headers: { "user-agent": userAgent } }, async (reply) => {
      let body = ""
      for await (const chunk of reply.setEncoding("utf8")) body += chunk
      resolve({ status: reply.statusCode ?? 0, location: reply.headers.location, body })
    })
    req.on("error", reject)
    req.end()
  })
}
