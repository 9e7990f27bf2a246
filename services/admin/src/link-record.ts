import { compileRule } from "@qiao/core/decide.ts"
import type { LinkSettings } from "@qiao/core/link.ts"
import type { LinkRecord } from "@qiao/core/record.ts"

/** What the edge has no use for. */
type Unpublished = "title" | "externalId" | "tags"

/** A link as the edge sees it. */
export function linkRecordOf(
  link: Omit<LinkSettings, Unpublished> & { id: string; isBanned: boolean },
): LinkRecord {
  return {
    id: link.id,
    url: link.url,
    redirectStatus: link.redirectStatus,
    enabled: link.enabled,
    banned: link.isBanned,
    startsAt: link.startsAt?.getTime() ?? null,
    expiresAt: link.expiresAt?.getTime() ?? null,
    expiredUrl: link.expiredUrl,
    maxClicks: link.maxClicks,
    forwardQuery: link.forwardQuery,
    forwardPath: link.forwardPath,
    guidePlatforms: new Set(link.guidePlatforms),
    allowPlatforms: link.allowPlatforms === null ? null : new Set(link.allowPlatforms),
    rules: link.rules.map(compileRule),
  }
}
