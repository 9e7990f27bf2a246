import type { DomainRecord } from "../../src/domain-record.ts"

/** A domain with every setting at its default. */
export const PLAIN_DOMAIN: DomainRecord = {
  host: "s.example.com",
  workspaceId: "wsp_plain",
  caseSensitive: true,
  rootUrl: null,
  notFoundUrl: null,
  expiredUrl: null,
  files: new Map(),
  appleAppSiteAssociation: null,
  assetLinks: null,
  robotsTxt: null,
  brand: null,
  wechatSignatureUrl: null,
}
