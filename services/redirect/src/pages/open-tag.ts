import type { MiniProgramTarget } from "@qiao/core/app.ts"
import { type Html, html, NOTHING, raw, unindented } from "./html.ts"
import type { Permissions } from "./layout.ts"

/*
 * WeChat's open tag, the one way from a page in WeChat into a mini program:
 * https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_Open_Tag.html. It draws itself once wx.config has accepted the
 * page's signature; until then, and wherever something is amiss, it is nothing to see.
 */

const SDK_ORIGIN = "https://res.wx.qq.com"

/**
 * What the tag needs: frames as its documentation says; eval as developers found (the same forum that reported the frames before they
 * were documented); its own styles. Null for an address of a signature that is not http(s).
 */
export function openTagPermissions(signatureUrl: string): Permissions | null {
  const origin = URL.parse(signatureUrl)?.origin ?? ""
  // A host may contain `;` and `,`, which would end the directive.
  if (!/^https?:\/\/[\w.:[\]-]+$/.test(origin)) return null
  return {
    scripts: `${SDK_ORIGIN} 'unsafe-eval'`,
    styles: "'unsafe-inline'",
    frames: "https://*.qq.com webcompt:",
    connections: origin,
  }
}

const TEMPLATE_STYLE = unindented(`
  .button{display:block;box-sizing:border-box;width:100%;margin:0;padding:12px 16px;border:0;border-radius:12px;background:var(--act,#07c160);color:var(--on,#fff);font-size:16px;line-height:1.6;font-weight:600;text-align:center}`)

/** `label` is ours: a template is read as it is, without entities. */
export function openTagOf(target: MiniProgramTarget, signatureUrl: string, label: string): Html {
  const { appId, path, query } = target
  // Without the suffix the mini program's front page opens; without a page there is nothing to give a query to.
  const page = path === "" ? NOTHING : html` path="${path}.html${query === "" ? "" : `?${query}`}"`
  return html`<wx-open-launch-weapp id="tag" appid="${appId}"${page} data-signature="${signatureUrl}"><script type="text/wxtag-template"><style>${raw(TEMPLATE_STYLE)}</style><button class="button">${raw(label)}</button></script></wx-open-launch-weapp>`
}

/** WeChat's script comes only once the page is signed. A list of interfaces must not be empty, or the tag draws nothing. */
export const OPEN_TAG_SCRIPT = unindented(`
  (function(){
    var tag=document.getElementById("tag"),said=document.getElementById("said"),endpoint=tag.getAttribute("data-signature"),request=new XMLHttpRequest();
    tag.addEventListener("error",function(){said.textContent=said.getAttribute("data-failed")});
    request.onload=function(){
      if(request.status===200)try{load(JSON.parse(request.responseText))}catch(e){}
    };
    request.open("GET",endpoint+(endpoint.indexOf("?")<0?"?":"&")+"url="+encodeURIComponent(location.href.split("#")[0]));
    request.send();
    function load(signed){
      var sdk=document.createElement("script");
      sdk.src="${SDK_ORIGIN}/open/js/jweixin-1.6.0.js";
      sdk.onload=function(){
        wx.config({appId:signed.appId,timestamp:signed.timestamp,nonceStr:signed.nonceStr,signature:signed.signature,jsApiList:["checkJsApi"],openTagList:["wx-open-launch-weapp"]})
      };
      document.body.appendChild(sdk)
    }
  })()`)
