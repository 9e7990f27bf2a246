import type { LinkRef } from "../repositories/links.ts"

/** How callers name a link: `lnk_…`, `ext_<externalId>` or `<host>/<code>`. */
export function linkRef(id: string): LinkRef {
  if (id.startsWith("ext_")) return { by: "externalId", externalId: id.slice(4) }
  const slash = id.indexOf("/")
  if (slash > 0) return { by: "address", host: id.slice(0, slash), code: id.slice(slash + 1) }
  return { by: "id", id }
}
