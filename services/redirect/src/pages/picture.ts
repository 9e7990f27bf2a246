import { type Html, html, raw } from "./html.ts"
import type { Menu } from "./menus.ts"

/*
 * A picture of the menu to open, for who looks before reading. It is hidden from screen readers: the steps beside it say the same in
 * words, and its 1 and 2 are their numbers.
 */

export const PICTURE_STYLE = `
  .picture{display:block;width:100%;margin:20px 0;border-radius:16px;background:var(--ground)}
  .sheet{fill:var(--paper);stroke:var(--edge)}
  .faint{fill:var(--line)}
  .ink{fill:var(--ink)}
  .ring{fill:none;stroke:var(--mark);stroke-width:2.5}
  .badge{fill:var(--act);stroke:var(--mark)}
  .number{fill:var(--on);font-weight:700}
  .picture text{font-size:12px;text-anchor:middle}
  .picture .label{text-anchor:start}`

/** `label` is the entry to choose, as it is written in the app. */
export function pictureOf({ at, button, opens }: Menu, label: string): Html {
  const [x, y] = BUTTON_AT[at]
  const parts = [
    FRAMES[at],
    BUTTONS[button](x, y),
    html`<circle class="ring" cx="${x}" cy="${y}" r="16"/>`,
    badge(x - 27, y, "1"),
    opens === "sheet" ? sheetOf(label) : listOf(label, LIST_AT[at]),
  ]
  return html`<svg class="picture" viewBox="0 0 320 180" aria-hidden="true" focusable="false">${parts}</svg>`
}

const BUTTON_AT: Record<Menu["at"], [x: number, y: number]> = {
  top: [252, 34],
  bottom: [252, 146],
  window: [286, 26],
}
const LIST_AT: Record<Menu["at"], [x: number, y: number]> = {
  top: [86, 58],
  bottom: [86, 16],
  window: [120, 50],
}

const LINES = raw('<path class="faint" d="M62 72h96v8H62zM62 90h130v8H62z"/>')
const FRAMES: Record<Menu["at"], Html> = {
  top: html`<path class="sheet" d="M42 181V30a22 22 0 0 1 22-22h192a22 22 0 0 1 22 22v151"/><path class="line" d="m66 27-7 7 7 7"/><path class="faint" d="M116 30h76v8h-76z"/>${LINES}`,
  bottom: html`<path class="sheet" d="M42-1v151a22 22 0 0 0 22 22h192a22 22 0 0 0 22-22V-1"/><path class="line" d="m70 139-7 7 7 7m40-14 7 7-7 7"/>${raw('<path class="faint" d="M42 120h236v1H42z"/>')}`,
  window: raw(
    '<path class="sheet" d="M9 181V20A12 12 0 0 1 21 8h278a12 12 0 0 1 12 12v161"/><path class="faint" d="M9 44h302v1H9zM92 22h96v8H92zM30 64h60v8H30zM30 82h72v8H30z"/><circle class="faint" cx="28" cy="26" r="5"/><circle class="faint" cx="44" cy="26" r="5"/><circle class="faint" cx="60" cy="26" r="5"/>',
  ),
}

type Drawing = (x: number, y: number) => Html

const dot = (x: number, y: number) => html`<circle class="ink" cx="${x}" cy="${y}" r="2.2"/>`

const BUTTONS: Record<Menu["button"], Drawing> = {
  dots: (x, y) => html`${[dot(x - 7, y), dot(x, y), dot(x + 7, y)]}`,
  kebab: (x, y) => html`${[dot(x, y - 7), dot(x, y), dot(x, y + 7)]}`,
  share: (x, y) =>
    html`<path class="line" d="M${x - 8} ${y + 6}c1-7 5-9 10-9v-5l7 7-7 7v-5c-4 0-7 1-10 5z"/>`,
}

function badge(x: number, y: number, number: string): Html {
  return html`<circle class="badge" cx="${x}" cy="${y}" r="9"/><text class="number" x="${x}" y="${y + 4.3}">${number}</text>`
}

const globe: Drawing = (x, y) =>
  html`<g transform="translate(${x} ${y})"><circle class="line" r="9"/><ellipse class="line" rx="4" ry="9"/><path class="line" d="M-9 0H9"/></g>`

function sheetOf(label: string): Html {
  return html`<path class="sheet" d="M42 181v-68a12 12 0 0 1 12-12h212a12 12 0 0 1 12 12v68"/><path class="faint" d="M64 115h36v36H64zM220 115h36v36h-36z"/><rect class="ring" x="141" y="114" width="38" height="38" rx="10"/>${globe(160, 133)}${badge(126, 133, "2")}<text class="ink" x="160" y="170">${label}</text>`
}

function listOf(label: string, [x, y]: [x: number, y: number]): Html {
  return html`<g transform="translate(${x} ${y})"><rect class="sheet" width="186" height="100" rx="12"/><path class="faint" d="M14 14h12v12H14zM36 16h72v8H36zM14 76h12v12H14zM36 78h96v8H36z"/><rect class="ring" x="6" y="34" width="174" height="32" rx="8"/>${globe(22, 50)}<text class="ink label" x="38" y="54">${label}</text>${badge(-11, 50, "2")}</g>`
}
