/**
 * The host of a raw `Host` header as domains are known by: lower case, IDNA, no port, no trailing dot.
 * Null when it is absent or no host.
 */
export function hostOf(header: string | undefined): string | null {
  if (header === undefined || header === "" || /[/?#@\\\s]/.test(header)) return null
  const url = URL.parse(`http://${header}`)
  if (url === null) return null
  const host = url.hostname.endsWith(".") ? url.hostname.slice(0, -1) : url.hostname
  return host === "" ? null : host
}

/** The host of a Referer header, "" when it has none of a web page. */
export function referrerHost(referer: string): string {
  if (!/^https?:/i.test(referer)) return ""
  return URL.parse(referer)?.hostname ?? ""
}
