import type { Brand } from "@qiao/core/brand.ts"
import type { Outcome } from "@qiao/core/decide.ts"
import type { CapWhenUnavailable, LINK_STATUSES } from "@qiao/core/link.ts"
import type { Platform } from "@qiao/core/platform.ts"
import type { RedirectStatus } from "@qiao/core/record.ts"
import type { Rule } from "@qiao/core/rule.ts"
import type { ColumnType, Generated, GeneratedAlways, Selectable } from "kysely"

type CreatedAt = ColumnType<Date, never, never>
type UpdatedAt = ColumnType<Date, never, Date>
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>
/** Read parsed, written as text. */
type Json<T> = ColumnType<T, string | undefined, string>

export type Database = {
  workspaces: WorkspacesTable
  domains: DomainsTable
  domainHosts: DomainHostsTable
  apiKeys: ApiKeysTable
  tags: TagsTable
  ruleSets: RuleSetsTable
  links: LinksTable
  linkTags: LinkTagsTable
  linkTotals: LinkTotalsTable
  publications: PublicationsTable
  publishing: PublishingTable
  idempotencyKeys: IdempotencyKeysTable
  bans: BansTable
  reports: ReportsTable
  guideTokens: GuideTokensTable
  visits: VisitsTable
  quarterRollups: QuarterRollupsTable
  dayRollups: DayRollupsTable
  monthRollups: MonthRollupsTable
  visitQuarters: VisitQuartersView
  visitDays: VisitDaysView
  rollupState: RollupStateTable
  visitorSalts: VisitorSaltsTable
  visitorKeys: VisitorKeysTable
  orphanVisits: OrphanVisitsTable
  edgeInstances: EdgeInstancesTable
  erasures: ErasuresTable
  erasedLinks: ErasedLinksTable
  deadLetters: DeadLettersTable
}

type WorkspacesTable = {
  id: string
  name: string
  timeZone: string
  brand: ColumnType<Brand | null, string | null | undefined, string | null>
  wechatSignatureUrl: Nullable<string>
  /** From then on it is there for nobody, and goes bit by bit. */
  deletedAt: Nullable<Date>
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
  rootUrl: Nullable<string>
  notFoundUrl: Nullable<string>
  expiredUrl: Nullable<string>
  files: Json<DomainFile[]>
  appleAppSiteAssociation: Nullable<string>
  assetLinks: Nullable<string>
  robotsTxt: Nullable<string>
  platformStatus: Json<PlatformStatuses>
  version: Generated<number>
  createdAt: CreatedAt
  updatedAt: UpdatedAt
}

/** A file at a domain's root; `content` is base64. */
export type DomainFile = { name: string; content: string }

/** What the operator knows of a domain inside an app; absent is unknown. */
export type PlatformStatus = { status: "ok" | "blocked"; note: string | null; since: string }
export type PlatformStatuses = Partial<Record<Platform, PlatformStatus>>

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

type RuleSetsTable = {
  id: string
  workspaceId: string
  name: string
  rules: ColumnType<Rule[], string, string>
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
  capWhenUnavailable: Generated<CapWhenUnavailable>
  enabled: boolean
  forwardQuery: boolean
  forwardPath: boolean
  guidePlatforms: Platform[]
  allowPlatforms: Platform[] | null
  rules: ColumnType<Rule[], string, string>
  ruleSetId: string | null
  passwordHash: Nullable<string>
  /** Rises with every change of the password. */
  passwordVersion: Generated<number>
  bannedAt: Date | null
  /** Visits from before are stored nowhere. */
  clicksErasedAt: Nullable<Date>
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
  synthetic: Generated<number>
}

/** One row for each key of Redis. `subjectId` is the link, domain or rule set, null once it is deleted; `buriedId` the one deleted last. */
type PublicationsTable = {
  key: string
  kind: "link" | "domain" | "rule_set" | "bans"
  subjectId: string | null
  buriedId: Nullable<string>
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

/** `value` is a link's id, a host, a domain's main host or a workspace's id. A lifted ban stays as a record of what was done. */
type BansTable = {
  id: string
  kind: "link" | "host" | "domain" | "workspace"
  value: string
  /** Whose link or domain it is, or the workspace itself; null for a host. */
  workspaceId: string | null
  reason: string
  byOperator: boolean
  /** The id of a key, here and below. */
  createdBy: string
  createdAt: CreatedAt
  liftedBy: Nullable<string>
  liftedAt: Nullable<Date>
}

type ReportsTable = {
  id: string
  /** What the edge called it: a report that is delivered twice is stored once. */
  edgeId: string
  linkId: string
  workspaceId: string | null
  host: string
  code: string
  reason: string
  details: string
  language: string
  network: string
  reportedAt: Date
  createdAt: CreatedAt
}

/** Without `shownAt` a token is of no link's guide page: somebody made it up, or brought it to another link. */
type GuideTokensTable = { linkId: string; token: string; shownAt: Date | null; returnedAt: Date | null }

/** One visit. `workspaceId` is null for a link that Postgres does not know; `visitor` is a hash that is new every day. */
type VisitsTable = {
  /** No order: several ingests take from one sequence. */
  id: Generated<number>
  at: Date
  linkId: string
  workspaceId: string | null
  outcome: Outcome
  automated: boolean
  synthetic: boolean
  platform: string
  os: string
  device: string
  browser: string
  language: string
  referrer: string
  rule: string
  variant: string
  country: string
  region: string
  city: string
  isp: string
  visitor: string | null
}

/** `rollups.ts` says what families and values are, and how a row's are listed. */
type QuarterRollupsTable = RollupColumns & { bucket: Date; isCompact: Generated<boolean> }
/** `day` is a day of the workspace's time zone, as `2026-11-22`. */
type DayRollupsTable = RollupColumns & { day: string; isCompact: Generated<boolean> }
/** `month` is its first day. */
type MonthRollupsTable = RollupColumns & { month: string; days: MonthDay[] }
/** Item i of each list is of the row's value at `places[i]`. */
export type MonthDay = {
  day: string
  places: number[]
  visits: number[]
  automated: number[]
  clicks: number[]
}
type RollupColumns = {
  scopeId: string
  family: string
  value: string
  visits: string
  automated: string
  clicks: string
}

/** A row for each value; several rows of one value add up. */
type VisitQuartersView = CountedColumns & { bucket: Date }
type VisitDaysView = CountedColumns & { day: string }
type CountedColumns = {
  scopeId: string
  family: string
  value: string
  visits: number
  automated: number
  clicks: number
}

/** One row. */
type RollupStateTable = { daysUntil: Date; quartersSince: Date }

type VisitorSaltsTable = { workspaceId: string; day: string; salt: Buffer }
type VisitorKeysTable = { day: string; key: string }

type OrphanVisitsTable = {
  workspaceId: string
  day: string
  host: string
  path: string
  visits: number
  lastAt: Date
}

type EdgeInstancesTable = {
  instance: string
  /** Visits, as the instance's newest batch tells of them. */
  accepted: number
  spilled: number
  dropped: number
  /** Visits, as they came. */
  stored: number
  expired: number
  deadLettered: number
  batches: number
  duplicateBatches: number
  deliveredBatches: number
  lastSequence: number
  /** Null while it runs, and for one that vanished. */
  stoppedAt: Date | null
  /** Sequences of batches that came in time, on days that `click_batches` has no more, as `{[0,9),[12,40)}`. */
  known: Generated<string>
  firstAt: GeneratedAlways<Date>
  lastAt: Date
}

/** A batch that `deadLettered` of its instance counts; `sealedAt` is the time by which it is known. */
type DeadLettersTable = { instance: string; sequence: number; sealedAt: Date; visits: number }

/** `subjectId` is the link whose clicks go, the tag whose counts go, or the workspace that goes with all it has. */
type ErasuresTable = {
  id: string
  kind: "link" | "tag" | "workspace"
  subjectId: string
  workspaceId: string
  /** The id of a key. */
  requestedBy: string
  requestedAt: ColumnType<Date, never, never>
  finishedAt: ColumnType<Date | null, never, never>
}

/** Links that went with their workspace, for as long as something of them may arrive. */
type ErasedLinksTable = { linkId: string; erasedAt: Date }

export type LinkStatus = (typeof LINK_STATUSES)[number]
export type Domain = Selectable<DomainsTable>
export type Workspace = Selectable<WorkspacesTable>
export type Erasure = Selectable<ErasuresTable>
export type ApiKey = Selectable<ApiKeysTable>
export type Tag = Selectable<TagsTable>
export type RuleSet = Selectable<RuleSetsTable>
export type Ban = Selectable<BansTable>
export type Report = Selectable<ReportsTable>
export type Visit = Selectable<VisitsTable>
