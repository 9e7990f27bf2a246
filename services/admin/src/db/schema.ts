import type { LINK_STATUSES } from "@qiao/core/link.ts"
import type { Platform } from "@qiao/core/platform.ts"
import type { RedirectStatus } from "@qiao/core/record.ts"
import type { Rule } from "@qiao/core/rule.ts"
import type { ColumnType, Generated, GeneratedAlways, Selectable } from "kysely"

type CreatedAt = ColumnType<Date, never, never>
type UpdatedAt = ColumnType<Date, never, Date>

export type Database = {
  workspaces: WorkspacesTable
  domains: DomainsTable
  domainHosts: DomainHostsTable
  apiKeys: ApiKeysTable
  tags: TagsTable
  links: LinksTable
  linkTags: LinkTagsTable
  linkTotals: LinkTotalsTable
  publications: PublicationsTable
  publishing: PublishingTable
  idempotencyKeys: IdempotencyKeysTable
  visitRollups: VisitRollupsTable
  edgeInstances: EdgeInstancesTable
}

type WorkspacesTable = {
  id: string
  name: string
  timeZone: string
  version: Generated<number>
  createdAt: CreatedAt
  updatedAt: UpdatedAt
}

type DomainsTable = {
  id: string
  workspaceId: string
  host: string
  aliases: string[]
  origin: string
  caseSensitive: boolean
  rootUrl: string | null
  notFoundUrl: string | null
  version: Generated<number>
  createdAt: CreatedAt
  updatedAt: UpdatedAt
}

/** Every host and alias, unique over the instance. */
type DomainHostsTable = { host: string; domainId: string }

type ApiKeysTable = {
  id: string
  workspaceId: string
  name: string
  hash: Buffer
  hint: string
  scopes: string[]
  expiresAt: Date | null
  version: Generated<number>
  createdAt: CreatedAt
  updatedAt: UpdatedAt
}

type TagsTable = {
  id: string
  workspaceId: string
  name: string
  version: Generated<number>
  createdAt: CreatedAt
  updatedAt: UpdatedAt
}

type LinksTable = {
  id: string
  workspaceId: string
  domainId: string
  code: string
  url: string
  title: string | null
  externalId: string | null
  redirectStatus: RedirectStatus
  startsAt: Date | null
  expiresAt: Date | null
  expiredUrl: string | null
  maxClicks: number | null
  enabled: boolean
  forwardQuery: boolean
  forwardPath: boolean
  guidePlatforms: Platform[]
  allowPlatforms: Platform[] | null
  rules: ColumnType<Rule[], string, string>
  bannedAt: Date | null
  version: Generated<number>
  createdAt: CreatedAt
  updatedAt: UpdatedAt
  deletedAt: Date | null
}

type LinkTagsTable = { linkId: string; tagId: string }

type LinkTotalsTable = {
  linkId: string
  visits: Generated<number>
  automated: Generated<number>
  clicks: Generated<number>
}

/** One row for each key of Redis. `subjectId` is the link or domain, null once it is deleted. */
type PublicationsTable = {
  key: string
  kind: "link" | "domain"
  subjectId: string | null
  revision: Generated<number>
  publishedRevision: Generated<number>
  changedAt: Generated<Date>
  publishedAt: Date | null
}

/** One row. */
type PublishingTable = { epoch: number }

type IdempotencyKeysTable = {
  workspaceId: string
  route: string
  key: string
  requestHash: Buffer
  status: number | null
  headers: ColumnType<Record<string, string> | null, string | null, string | null>
  body: string | null
  createdAt: CreatedAt
}

type VisitRollupsTable = {
  scopeId: string
  dimension: string
  bucket: Date
  value: string
  automated: boolean
  visits: number
  clicks: number
}

type EdgeInstancesTable = {
  instance: string
  accepted: number
  spilled: number
  dropped: number
  stored: number
  duplicateBatches: number
  expired: number
  deadLettered: number
  firstAt: GeneratedAlways<Date>
  lastAt: Date
}

export type LinkStatus = (typeof LINK_STATUSES)[number]
export type Domain = Selectable<DomainsTable>
export type Workspace = Selectable<WorkspacesTable>
export type ApiKey = Selectable<ApiKeysTable>
export type Tag = Selectable<TagsTable>
