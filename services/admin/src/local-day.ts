/** One for each time zone there is. */
const formats = new Map<string, Intl.DateTimeFormat>()

/** The calendar day of an IANA time zone, as `2026-11-22`. */
export function localDay(atMs: number, timeZone: string): string {
  const known = formats.get(timeZone)
  if (known !== undefined) return known.format(atMs)
  // Swedish writes dates as ISO 8601 does.
  const format = new Intl.DateTimeFormat("sv-SE", {
    ...{ timeZone, year: "numeric", month: "2-digit", day: "2-digit" },
  })
  formats.set(timeZone, format)
  return format.format(atMs)
}
