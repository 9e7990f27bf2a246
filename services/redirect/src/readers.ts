import { type DomainRecord, decodeDomain } from "@qiao/core/domain-record.ts"
import { decodeLink } from "@qiao/core/record.ts"
import { decodeRuleSet, type RuleSetRecord } from "@qiao/core/rule-set-record.ts"
import type { Changes } from "./changes.ts"
import type { Config } from "./config.ts"
import { createRecordReader, type RecordReader } from "./links.ts"
import { type PreparedLink, prepareLink } from "./prepare.ts"
import { sizeOfDomain, sizeOfLink, sizeOfRuleSet } from "./record-sizes.ts"
import type { RecordSource } from "./record-source.ts"
import type { Waits } from "./waits.ts"

export type Readers = {
  links: RecordReader<PreparedLink>
  domains: RecordReader<DomainRecord>
  ruleSets: RecordReader<RuleSetRecord>
}

const MB = 2 ** 20

export function createReaders(
  config: Config,
  deps: {
    source: RecordSource
    changes: Pick<Changes, "generation" | "isLive">
    waits: Waits
    /** Monotonic milliseconds. */
    now: () => number
    onFailure: (err: unknown, name: string) => void
  },
): Readers {
  const shared = {
    ...deps,
    unknownMax: config.CACHE_MAX_UNKNOWN,
    ttlMs: config.CACHE_TTL_MS,
    unknownTtlMs: config.UNKNOWN_TTL_MS,
    staleMaxMs: config.STALE_MAX_MS,
    random: Math.random,
  }
  return {
    links: createRecordReader({
      ...shared,
      decode: decodeLink,
      prepare: prepareLink,
      entriesMax: config.CACHE_MAX_LINKS,
      sizeMaxBytes: config.CACHE_MAX_LINKS_MB * MB,
      sizeOf: sizeOfLink,
    }),
    domains: createRecordReader({
      ...shared,
      decode: decodeDomain,
      prepare: (domain: DomainRecord) => domain,
      entriesMax: config.CACHE_MAX_DOMAINS,
      sizeMaxBytes: config.CACHE_MAX_DOMAINS_MB * MB,
      sizeOf: sizeOfDomain,
    }),
    ruleSets: createRecordReader({
      ...shared,
      decode: decodeRuleSet,
      prepare: (ruleSet: RuleSetRecord) => ruleSet,
      entriesMax: config.CACHE_MAX_RULE_SETS,
      sizeMaxBytes: config.CACHE_MAX_RULE_SETS_MB * MB,
      sizeOf: sizeOfRuleSet,
    }),
  }
}
