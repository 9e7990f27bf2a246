type Running = { edge: string; admin: string; apiKey: string; upJson: string; ops: Record<string, string> }

const weChat =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
  "Mobile/15E148 MicroMessenger/8.0.50(0x18003234) NetType/WIFI Language/zh_CN"

const link = { url: "https://example.com/", guidePlatforms: ["wechat", "qq", "douyin"] }

/** What a person needs to begin; both commands work as often as they are pasted. */
export function greeting({ edge, admin, apiKey, upJson, ops }: Running) {
  const create =
    `curl -sS ${admin}/v1/links -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' ` +
    `-H 'Accept: text/plain' -d '${JSON.stringify(link)}'`
  const opsUrls = Object.entries(ops).map(([name, url]) => `${name} ${url}`)
  return `
Qiao is running.

  edge     ${edge}
  admin    ${admin}   (reference: ${admin}/docs)
  key      ${apiKey}
  ops      ${opsUrls.join("  ")}
  noted in ${upJson}

Make a link that WeChat, QQ and Douyin visitors are asked to open in their browser; it prints the short url:

${create}

Open such a link in WeChat: 200 and the guide page. Without the -A it is a redirect:

curl -sSi -A '${weChat}' "$(${create})"

Ctrl-C stops everything; the data stays.
`
}
