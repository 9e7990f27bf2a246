import type { LinkRecord } from "../../src/record.ts"

/** A link with every setting at its default. */
export const PLAIN_LINK: LinkRecord = {
  id: "lnk_plain",
  url: "https://shop.example.com/spring",
  redirectStatus: 302,
  enabled: true,
  banned: false,
  startsAt: null,
  expiresAt: null,
  expiredUrl: null,
  maxClicks: null,
  capWhenUnavailable: "closed",
  password: null,
  forwardQuery: true,
  forwardPath: false,
  guidePlatforms: new Set(),
  allowPlatforms: null,
  rules: [],
  ruleSetId: null,
}
