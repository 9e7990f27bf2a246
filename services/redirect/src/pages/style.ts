import type { Brand } from "@qiao/core/brand.ts"
import { brandColours, type SchemeColours } from "./colours.ts"
import { unindented } from "./html.ts"

const SCHEMES: Record<"light" | "dark", SchemeColours> = {
  light: { paper: "#ffffff", ink: "#1b1d21" },
  dark: { paper: "#1a1d21", ink: "#eceef1" },
}

/** `act`, `on` and `mark` where no brand says otherwise. */
const OWN_COLOURS = {
  light: "--act:#0b5cad;--on:#fff;--mark:#0b5cad",
  dark: "--act:#7db8f5;--on:#000;--mark:#7db8f5",
}

/** Web views of ten years ago know custom properties, but neither `gap` in a flex box nor `min()`. */
const BASE = unindented(`
  *{box-sizing:border-box}
  body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,-apple-system,"PingFang SC","Microsoft YaHei",sans-serif;word-break:break-word;overflow-wrap:anywhere;text-wrap:pretty}
  header{background:var(--act);color:var(--on);border-bottom:1px solid var(--line);font-weight:600}
  header div{display:flex;align-items:center;max-width:28rem;min-height:56px;margin:0 auto;padding:8px 20px}
  header img{flex:none;height:40px;max-width:160px;padding:4px;border-radius:10px;background:#fff;object-fit:contain}
  img+span{margin-left:12px}
  main{max-width:28rem;margin:0 auto;padding:28px 20px 40px}
  h1{font-size:1.5rem;line-height:1.3;margin:0 0 12px}
  h2{font-size:1.0625rem;line-height:1.4;margin:32px 0 8px}
  p{margin:0 0 16px}
  p:empty{margin:0}
  a{color:inherit}
  .soft{color:var(--soft);font-size:.9375rem}
  .line{fill:none;stroke:var(--ink);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
  .button{display:block;width:100%;margin:0 0 12px;padding:12px 16px;border:1px solid var(--mark);border-radius:12px;background:var(--act);color:var(--on);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
  .box{margin:0 0 12px;padding:12px 14px;border-radius:12px;background:var(--ground)}
  [hidden]{display:none}
  :focus{outline:3px solid var(--ink);outline-offset:2px}
  :focus:not(:focus-visible){outline:0}
  @media(min-width:36em){
    body{background:var(--ground)}
    main{margin:40px auto;padding:40px;border:1px solid var(--line);border-radius:20px;background:var(--paper)}
    header div{padding:8px 40px}
  }`)

/** The style of a page; `own` is what that page alone needs. */
export function styleOf(brand: Brand | null, own: string): string {
  const colours = brand?.colour === undefined ? OWN_COLOURS : coloursOf(brand.colour)
  const { light, dark } = SCHEMES
  return `:root{color-scheme:light dark;--ink:${light.ink};--soft:#5b5f67;--paper:${light.paper};--ground:#f3f4f6;--line:#dcdfe4;--edge:#858a93;${colours.light}}
@media(prefers-color-scheme:dark){:root{--ink:${dark.ink};--soft:#aab0b9;--paper:${dark.paper};--ground:#101215;--line:#363b42;--edge:#7e848e;${colours.dark}}}
${BASE}${own === "" ? "" : `\n${unindented(own)}`}`
}

function coloursOf(colour: string): Record<"light" | "dark", string> {
  const { act, on, mark } = brandColours(colour, SCHEMES)
  return { light: `--act:${act};--on:${on};--mark:${mark.light}`, dark: `--mark:${mark.dark}` }
}
