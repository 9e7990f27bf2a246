import type { Link } from "@qiao/core/link.ts"
import { type LinkRow, settingsOf } from "../repositories/links.ts"
import { linkWarnings } from "./warnings.ts"

/** A link as the API answers it. */
export function toLink(row: LinkRow): Link {
  const { id, host, origin, code, status, version } = row
  const settings = settingsOf(row)
  return {
    id,
    domain: host,
    code,
    shortUrl: shortUrlOf(origin, code),
    ...settings,
    startsAt: settings.startsAt?.toISOString() ?? null,
    expiresAt: settings.expiresAt?.toISOString() ?? null,
    hasPassword: row.passwordHash !== null,
    warnings: linkWarnings(settings, row),
    status,
    visits: { total: row.visits, automated: row.automated },
    clicks: row.clicks,
    version,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}

export function shortUrlOf(origin: string, code: string): string {
  return `${origin}/${encodeURIComponent(code)}`
}
