/** A column's value in COPY's text format. */
export function copyText(value: string): string {
  return SPECIAL.test(value) ? value.replaceAll(/[\\\t\n\r]/g, (char) => ESCAPES[char] ?? char) : value
}

const SPECIAL = /[\\\t\n\r]/
const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" }
