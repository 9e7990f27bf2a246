import { type Html, hrefOf, html, unindented } from "./html.ts"

export const OPENING_STYLE = `
  .other{background:none;border-color:var(--edge);color:var(--ink)}`

/**
 * After the tap on a link that opens an app, and only if the page is still in front, says what else one can do. It never goes anywhere
 * by itself: whether an app opened is nothing a page can know.
 */
export const OPENING_SCRIPT = unindented(`
  (function(){
    var open=document.getElementById("open"),said=document.getElementById("said"),timer;
    open.onclick=function(){
      stop();
      said.textContent="";
      timer=setTimeout(function(){said.textContent=open.getAttribute("data-late")},2500)
    };
    function stop(){clearTimeout(timer)}
    document.addEventListener("visibilitychange",stop);
    window.addEventListener("pagehide",stop)
  })()`)

/** `url` may have an app's own scheme; `late` is what the script says when nothing came of the tap. */
export function openingLink(url: string, label: string, late: string): Html {
  return html`<a class="button" id="open" href="${hrefOf(url)}" data-late="${late}">${label}</a><p id="said" role="status"></p>`
}
