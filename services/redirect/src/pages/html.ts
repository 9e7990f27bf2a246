/** HTML that may be sent as it is. Only `html` and `raw` make it. */
export type Html = { readonly html: string }

type Value = string | number | Html | readonly Html[]

/** Strings put into it are escaped, Html goes in as it is. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return {
    html: values.reduce<string>((text, value, i) => text + written(value) + parts[i + 1], parts[0] ?? ""),
  }
}

/** Takes the word of its caller that `text` is HTML, and never anything from outside. */
export function raw(text: string): Html {
  return { html: text }
}

export const NOTHING = raw("")

function written(value: Value): string {
  if (typeof value === "string") return escapeHtml(value)
  if (typeof value === "number") return String(value)
  return "html" in value ? value.html : value.map((item) => item.html).join("")
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "")
}

const RUNS_CODE = /^(?:javascript|data|vbscript):/i

/** An address to put behind a tap. Those that run code lead nowhere, whoever has checked them before. */
export function hrefOf(url: string): string {
  // What the URL parser drops: control characters and blanks at the start, tabs and newlines anywhere.
  const parsed = url.replace(/^[\0-\x20]+|[\t\n\r]/g, "")
  return RUNS_CODE.test(parsed) ? "#" : url
}

/** The host to name beside a link; the whole where it has none. */
export function hostIn(url: string): string {
  return URL.parse(url)?.host || url
}

/** An address as far as it is shown. */
export function shortened(url: string, lengthMax = 200): string {
  return url.length > lengthMax ? `${url.slice(0, lengthMax)}…` : url
}

/** Styles and scripts are written to be read and sent without their indentation. */
export function unindented(text: string): string {
  return text.trim().replace(/\n\s+/g, "\n")
}
