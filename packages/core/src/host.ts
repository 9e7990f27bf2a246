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

/** The host of a URL without trailing dots, which resolvers take off as well. */
export function bareHost({ hostname }: URL): string {
  return hostname.replace(/\.+$/, "")
}

/** A host and every name above it, longest first: `a.b.c`, `b.c`, `c`. */
export function namesAbove(host: string): string[] {
  const labels = host.split(".")
  return labels.map((_, first) => labels.slice(first).join("."))
}
