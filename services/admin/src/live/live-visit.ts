import type { Outcome } from "@qiao/core/decide.ts"

/** A visit as it is told to whoever listens, once it is stored. `at` is RFC 3339 UTC with milliseconds. */
export type LiveVisit = {
  at: string
  linkId: string
  decision: Outcome
  automated: boolean
  synthetic: boolean
  platform: string
  os: string
  device: string
  browser: string
  language: string
  referrer: string
  country: string
  region: string
  city: string
  rule: string
  variant: string
}

/** A message of a workspace's live channel. `omitted` visits were stored as well, but are too many to tell. */
export type LiveMessage = { visits: LiveVisit[]; omitted: number }

/** Told in one message. */
export const LIVE_VISITS_MAX = 100
