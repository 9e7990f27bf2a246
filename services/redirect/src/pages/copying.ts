import { GUIDE_PARAMETER } from "@qiao/core/guide-token.ts"
import { unindented } from "./html.ts"

/**
 * The guide's script. It puts the page's token into the address, so that an app's own "open in browser" takes it along, and copies
 * that address: by the clipboard, else by a selected textarea, else by the visitor's own fingers. It says "copied" only if it was.
 * Written for the web views of ten years ago.
 */
export const COPY_SCRIPT = unindented(`
  (function(){
    var at=function(id){return document.getElementById(id)},address=at("address"),button=at("copy"),said=at("said");
    var url=tokened(location.href,address.getAttribute("data-token"));
    try{if(url!==location.href)history.replaceState(null,"",url)}catch(e){}
    address.textContent=url;
    button.hidden=false;
    button.onclick=function(){
      try{navigator.clipboard.writeText(url).then(function(){say(true)},old)}catch(e){old()}
    };
    function tokened(href,token){
      if(!token)return href;
      var parts=/^([^?#]*)[?]?([^#]*)(.*)$/.exec(href),pairs=parts[2]?parts[2].split("&"):[],kept=[],i;
      for(i=0;i<pairs.length;i++)if(nameOf(pairs[i])!=="${GUIDE_PARAMETER}")kept.push(pairs[i]);
      return parts[1]+"?"+kept.concat("${GUIDE_PARAMETER}="+token).join("&")+parts[3]
    }
    function nameOf(pair){
      try{return decodeURIComponent(pair.split("=")[0]).toLowerCase()}catch(e){return""}
    }
    function old(){
      var area=document.createElement("textarea"),done=false;
      area.value=url;area.readOnly=true;area.style.position="fixed";area.style.opacity="0";
      document.body.appendChild(area);
      area.select();area.setSelectionRange(0,url.length);
      try{done=document.execCommand("copy")}catch(e){}
      document.body.removeChild(area);
      button.focus();
      if(!done)getSelection().selectAllChildren(address);
      say(done)
    }
    function say(done){said.textContent=button.getAttribute(done?"data-done":"data-failed")}
  })()`)
