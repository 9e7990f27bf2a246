import type { Brand } from "./brand.ts"
import { decodeVersioned, encodeVersioned, type RecordVersion, type Versioned } from "./versioned.ts"

/**
 * What the edge needs of a domain. `host` is its main host, under which its links are stored. `files` are served at the root by their
 * names, bytes as they are; `appleAppSiteAssociation`, `assetLinks` and `robotsTxt` are the texts of the files so called.
 */
export type DomainRecord = {
  host: string
  workspaceId: string
  caseSensitive: boolean
  rootUrl: string | null
  notFoundUrl: string | null
  /** For expired and exhausted links without their own. */
  expiredUrl: string | null
  files: ReadonlyMap<string, Buffer>
  appleAppSiteAssociation: string | null
  assetLinks: string | null
  robotsTxt: string | null
  brand: Brand | null
  /** Where the page of a mini program gets its JS-SDK signature. */
  wechatSignatureUrl: string | null
}

type DomainWire = {
  h: string
  w: string
  ci?: 1
  r?: string
  n?: string
  xu?: string
  f?: Record<string, string>
  aa?: string
  al?: string
  rb?: string
  br?: Brand
  ws?: string
}

export function encodeDomain(version: RecordVersion, domain: DomainRecord | null): string {
  return encodeVersioned(version, domain && JSON.stringify(toWire(domain)))
}

/** Throws on a value that no version of this code wrote. */
export function decodeDomain(value: string): Versioned<DomainRecord> {
  return decodeVersioned(value, (body) => fromWire(JSON.parse(body) as DomainWire))
}

function fromWire(wire: DomainWire): DomainRecord {
  return {
    host: wire.h,
    workspaceId: wire.w,
    caseSensitive: wire.ci === undefined,
    rootUrl: wire.r ?? null,
    notFoundUrl: wire.n ?? null,
    expiredUrl: wire.xu ?? null,
    files: new Map(Object.entries(wire.f ?? {}).map(([name, bytes]) => [name, Buffer.from(bytes, "base64")])),
    appleAppSiteAssociation: wire.aa ?? null,
    assetLinks: wire.al ?? null,
    robotsTxt: wire.rb ?? null,
    brand: wire.br ?? null,
    wechatSignatureUrl: wire.ws ?? null,
  }
}

function toWire(domain: DomainRecord): DomainWire {
  const files = [...domain.files].map(([name, bytes]) => [name, bytes.toString("base64")])
  return {
    h: domain.host,
    w: domain.workspaceId,
    ...(!domain.caseSensitive && { ci: 1 as const }),
    ...(domain.rootUrl !== null && { r: domain.rootUrl }),
    ...(domain.notFoundUrl !== null && { n: domain.notFoundUrl }),
    ...(domain.expiredUrl !== null && { xu: domain.expiredUrl }),
    ...(files.length > 0 && { f: Object.fromEntries(files) as Record<string, string> }),
    ...(domain.appleAppSiteAssociation !== null && { aa: domain.appleAppSiteAssociation }),
    ...(domain.assetLinks !== null && { al: domain.assetLinks }),
    ...(domain.robotsTxt !== null && { rb: domain.robotsTxt }),
    ...(domain.brand !== null && { br: domain.brand }),
    ...(domain.wechatSignatureUrl !== null && { ws: domain.wechatSignatureUrl }),
  }
}
