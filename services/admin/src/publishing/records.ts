import type { BanSet } from "@qiao/core/ban-set.ts"
import { compileRule } from "@qiao/core/decide.ts"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import type { LinkSettings } from "@qiao/core/link.ts"
import type { EncodableLink, LinkRecord } from "@qiao/core/record.ts"
import type { Ban, Domain, Workspace } from "../db/schema.ts"

// What Postgres holds, as the edge sees it.

/** What the edge has no use for. */
type Unpublished = "title" | "externalId" | "tags"

export type PublishedLink = Omit<LinkSettings, Unpublished> & {
  id: string
  bannedAt: Date | null
  passwordHash: string | null
  passwordVersion: number
}

export function linkRecordOf(link: PublishedLink): LinkRecord {
  return { ...encodableLinkOf(link), rules: link.rules.map(compileRule) }
}

/** All that is published, which leaves the rules to be compiled by whoever decides by them. */
export function encodableLinkOf(link: PublishedLink): EncodableLink {
  const { passwordHash, passwordVersion } = link
  return {
    id: link.id,
    url: link.url,
    redirectStatus: link.redirectStatus,
    enabled: link.enabled,
    banned: link.bannedAt !== null,
    startsAt: link.startsAt?.getTime() ?? null,
    expiresAt: link.expiresAt?.getTime() ?? null,
    expiredUrl: link.expiredUrl,
    maxClicks: link.maxClicks,
    capWhenUnavailable: link.capWhenUnavailable,
    password: passwordHash === null ? null : { hash: passwordHash, version: passwordVersion },
    forwardQuery: link.forwardQuery,
    forwardPath: link.forwardPath,
    guidePlatforms: new Set(link.guidePlatforms),
    allowPlatforms: link.allowPlatforms === null ? null : new Set(link.allowPlatforms),
    rules: link.rules.map((rule) => ({ rule })),
    ruleSetId: link.ruleSetId,
  }
}

/** Not an alias's: a domain is published under each of its hosts with the same record. */
type DomainUnpublished =
  | "id"
  | "aliases"
  | "origin"
  | "platformStatus"
  | "version"
  | "createdAt"
  | "updatedAt"

export type PublishedDomain = Omit<Domain, DomainUnpublished> &
  Pick<Workspace, "brand" | "wechatSignatureUrl">

export function domainRecordOf(domain: PublishedDomain): DomainRecord {
  return {
    host: domain.host,
    workspaceId: domain.workspaceId,
    caseSensitive: domain.caseSensitive,
    rootUrl: domain.rootUrl,
    notFoundUrl: domain.notFoundUrl,
    expiredUrl: domain.expiredUrl,
    files: new Map(domain.files.map(({ name, content }) => [name, Buffer.from(content, "base64")])),
    appleAppSiteAssociation: domain.appleAppSiteAssociation,
    assetLinks: domain.assetLinks,
    robotsTxt: domain.robotsTxt,
    brand: domain.brand,
    wechatSignatureUrl: domain.wechatSignatureUrl,
  }
}

/** Bans of links are in the links' own records. */
export function banSetOf(bans: Pick<Ban, "kind" | "value">[]): BanSet {
  const valuesOf = (kind: Ban["kind"]) =>
    new Set(bans.filter((ban) => ban.kind === kind).map(({ value }) => value))
  return { hosts: valuesOf("host"), domains: valuesOf("domain"), workspaces: valuesOf("workspace") }
}
