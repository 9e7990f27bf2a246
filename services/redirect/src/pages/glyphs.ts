import { type Html, raw } from "./html.ts"

export const GLYPH_STYLE = `
  .glyph{display:block;width:56px;height:56px;margin:0 0 20px;padding:14px;border-radius:50%;background:var(--ground)}`

const glyph = (paths: string): Html =>
  raw(`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${paths}</svg>`)

/** One drawing at the top of a page; its heading says the same in words. */
export const GLYPHS = {
  link: glyph(
    '<path class="line" d="M10 14a4 4 0 0 0 6 0l3-3a4.2 4.2 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4.2 4.2 0 0 0 6 6l1-1"/>',
  ),
  broken: glyph(
    '<path class="line" d="M14 17l-3 2.5a4.2 4.2 0 0 1-6-6L7 11M10 7l3-2.5a4.2 4.2 0 0 1 6 6L17 13M4 4l16 16"/>',
  ),
  clock: glyph('<circle class="line" cx="12" cy="12" r="9"/><path class="line" d="M12 7v5l3 2"/>'),
  lock: glyph(
    '<rect class="line" x="5" y="11" width="14" height="9" rx="2"/><path class="line" d="M8 11V8a4 4 0 0 1 8 0v3"/>',
  ),
  barred: glyph('<circle class="line" cx="12" cy="12" r="9"/><path class="line" d="M6 6l12 12"/>'),
  notice: glyph(
    '<path class="line" d="M12 4 3 20h18zM12 10v4"/><circle cx="12" cy="17" r="1" fill="currentColor"/>',
  ),
  app: glyph(
    '<rect class="line" x="7" y="3" width="10" height="18" rx="2.5"/><path class="line" d="M11 18h2"/>',
  ),
  done: glyph('<circle class="line" cx="12" cy="12" r="9"/><path class="line" d="M8 12l3 3 5-6"/>'),
  flag: glyph('<path class="line" d="M6 21V4h12l-3 4 3 4H6"/>'),
} as const

export type Glyph = keyof typeof GLYPHS
