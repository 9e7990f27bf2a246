import { namesAbove } from "@qiao/core/host.ts"

/*
 * Where unrelated people publish side by side. Feeds list single urls on all of these: blocking the host for one of them would take
 * everybody else's away.
 */

/** Told apart by their paths, on the host and on all of its subdomains. */
const PLATFORMS = `
1drv.ms 163.com amazonaws.com archive.org b23.tv baidu.com bilibili.com bitbucket.org box.com calendly.com canva.com cnblogs.com
codepen.io csdn.net dingtalk.com discord.com discord.gg discordapp.com douban.com douyin.com dropbox.com evernote.com facebook.com
feishu.cn figma.com forms.gle gitee.com github.com githubusercontent.com gitlab.com google.com googleapis.com googleusercontent.com
huaban.com instagram.com iqiyi.com jd.com jianguoyun.com jianshu.com jinshuju.net jotform.com jsdelivr.net kdocs.cn kuaishou.com
lanzou.com larksuite.com line.me linkedin.com linktr.ee live.com medium.com mediafire.com mega.nz meituan.com microsoft.com
mikecrm.com notion.so office.com pastebin.com pinduoduo.com pinterest.com processon.com qq.com quark.cn reddit.com shimo.im slack.com
sohu.com sourceforge.net surveymonkey.com t.me taobao.com telegra.ph tiktok.com tmall.com toutiao.com trello.com twitter.com
typeform.com vimeo.com weibo.com weidian.com wenjuan.com wetransfer.com wjx.cn wjx.top x.com xhslink.com xiaohongshu.com youku.com
youtu.be youtube.com youzan.com yuque.com zhihu.com
`

/** Told apart by their subdomains: each of those can be blocked, the name itself cannot. */
const PARENTS = `
aliyuncs.com azureedge.net azurewebsites.net blob.core.windows.net blogspot.com cloudfront.net dropboxusercontent.com firebaseapp.com
fly.dev ghost.io gitee.io github.io gitlab.io glitch.me herokuapp.com huaweicloud.com ipfs.io myqcloud.com myshopify.com netlify.app
ngrok-free.app ngrok.io notion.site on.aws onrender.com pages.dev r2.dev railway.app repl.co replit.app replit.dev run.app
sharepoint.com squarespace.com strikingly.com substack.com surge.sh tencentcs.com translate.goog tumblr.com vercel.app web.app
webflow.io weebly.com wixsite.com wixstudio.com wordpress.com workers.dev
ac.cn com.cn edu.cn gov.cn net.cn org.cn com.hk edu.hk net.hk org.hk com.mo com.tw net.tw org.tw com.sg com.my co.th co.id com.vn com.ph
co.jp ne.jp or.jp co.kr or.kr co.in co.uk org.uk com.au net.au co.nz co.za com.br com.mx com.ar com.tr com.ru com.ua
`

const platforms = new Set(PLATFORMS.trim().split(/\s+/))
const parents = new Set(
  PARENTS.trim()
    .split(/\s+/)
    .flatMap((parent) => [...namesAbove(parent)]),
)

/** Whether many publish on this very host. */
export function isShared(host: string): boolean {
  if (parents.has(host)) return true
  // A loop, as this is asked for each line of a feed.
  for (const name of namesAbove(host)) if (platforms.has(name)) return true
  return false
}
