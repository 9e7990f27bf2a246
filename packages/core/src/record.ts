import { type CompiledRule, compileRule } from "./decide.ts"
import type { Platform } from "./platform.ts"
import type { Rule } from "./rule.ts"

/** Order of two values of one key: the epoch first, then the revision. */
export type RecordVersion = { epoch: number; revision: number }

export type RedirectStatus = 301 | 302 | 307 | 308

/** What the edge needs of a link. Times are epoch milliseconds. */
export type LinkRecord = {
  id: string
  url: string
  redirectStatus: RedirectStatus
  enabled: boolean
  banned: boolean
  startsAt: number | null
  expiresAt: number | null
  expiredUrl: string | null
  maxClicks: number | null
  forwardQuery: boolean
  forwardPath: boolean
  guidePlatforms: ReadonlySet<Platform>
  allowPlatforms: ReadonlySet<Platform> | null
  rules: readonly CompiledRule[]
}

/** What the edge needs of a domain. `host` is the domain's main host, under which its links are stored. */
export type DomainRecord = {
  host: string
  caseSensitive: boolean
  rootUrl: string | null
  notFoundUrl: string | null
}

/** A stored value: `record` is null for a tombstone, which says that the key was deleted and stays deleted. */
export type Versioned<T> = RecordVersion & { record: T | null }

/** The wire form leaves out what has its default, as most links are plain ones. */
type LinkWire = {
  i: string
  u: string
  s?: RedirectStatus
  off?: 1
  ban?: 1
  from?: number
  to?: number
  xu?: string
  max?: number
  nq?: 1
  fp?: 1
  g?: Platform[]
  a?: Platform[]
  ru?: Rule[]
}

type DomainWire = { h: string; ci?: 1; r?: string; n?: string }

/** `<epoch>.<revision>.<json>`: a Lua script compares the versions without parsing the rest. */
export function encodeLink(version: RecordVersion, link: LinkRecord | null): string {
  return encode(version, link === null ? null : linkToWire(link))
}

export function encodeDomain(version: RecordVersion, domain: DomainRecord | null): string {
  return encode(version, domain === null ? null : domainToWire(domain))
}

/** Throws on a value that no version of this code wrote. */
export function decodeLink(value: string): Versioned<LinkRecord> {
  return decode(value, (wire: LinkWire) => ({
    id: wire.i,
    url: wire.u,
    redirectStatus: wire.s ?? 302,
    enabled: wire.off === undefined,
    banned: wire.ban === 1,
    startsAt: wire.from ?? null,
    expiresAt: wire.to ?? null,
    expiredUrl: wire.xu ?? null,
    maxClicks: wire.max ?? null,
    forwardQuery: wire.nq === undefined,
    forwardPath: wire.fp === 1,
    guidePlatforms: wire.g === undefined ? NO_PLATFORMS : new Set(wire.g),
    allowPlatforms: wire.a === undefined ? null : new Set(wire.a),
    rules: wire.ru === undefined ? NO_RULES : wire.ru.map(compileRule),
  }))
}

/** Throws on a value that no version of this code wrote. */
export function decodeDomain(value: string): Versioned<DomainRecord> {
  return decode(value, (wire: DomainWire) => ({
    host: wire.h,
    caseSensitive: wire.ci === undefined,
    rootUrl: wire.r ?? null,
    notFoundUrl: wire.n ?? null,
  }))
}

/** Throws on a value without a version. */
export function versionOf(value: string): RecordVersion {
  return split(value)
}

const NO_PLATFORMS: ReadonlySet<Platform> = new Set()
const NO_RULES: readonly CompiledRule[] = []

function linkToWire(link: LinkRecord): LinkWire {
  return {
    i: link.id,
    u: link.url,
    ...(link.redirectStatus !== 302 && { s: link.redirectStatus }),
    ...(!link.enabled && { off: 1 as const }),
    ...(link.banned && { ban: 1 as const }),
    ...(link.startsAt !== null && { from: link.startsAt }),
    ...(link.expiresAt !== null && { to: link.expiresAt }),
    ...(link.expiredUrl !== null && { xu: link.expiredUrl }),
    ...(link.maxClicks !== null && { max: link.maxClicks }),
    ...(!link.forwardQuery && { nq: 1 as const }),
    ...(link.forwardPath && { fp: 1 as const }),
    ...(link.guidePlatforms.size > 0 && { g: [...link.guidePlatforms] }),
    ...(link.allowPlatforms !== null && { a: [...link.allowPlatforms] }),
    ...(link.rules.length > 0 && { ru: link.rules.map(({ rule }) => rule) }),
  }
}

function domainToWire(domain: DomainRecord): DomainWire {
  return {
    h: domain.host,
    ...(!domain.caseSensitive && { ci: 1 as const }),
    ...(domain.rootUrl !== null && { r: domain.rootUrl }),
    ...(domain.notFoundUrl !== null && { n: domain.notFoundUrl }),
  }
}

function encode({ epoch, revision }: RecordVersion, wire: object | null): string {
  return `${epoch}.${revision}.${JSON.stringify(wire)}`
}

function decode<Wire, T>(value: string, toRecord: (wire: Wire) => T): Versioned<T> {
  const { epoch, revision, json } = split(value)
  const wire = JSON.parse(json) as Wire | null
  return { epoch, revision, record: wire === null ? null : toRecord(wire) }
}

function split(value: string): RecordVersion & { json: string } {
  const first = value.indexOf(".")
  const second = value.indexOf(".", first + 1)
  const epoch = Number(value.slice(0, first))
  const revision = Number(value.slice(first + 1, second))
  if (first < 1 || second < 0 || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(revision)) {
    throw new Error(`not a record: ${value.slice(0, 40)}`)
  }
  return { epoch, revision, json: value.slice(second + 1) }
}
