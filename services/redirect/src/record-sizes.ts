import type { CompiledRule } from "@qiao/core/decide.ts"
import type { DomainRecord } from "@qiao/core/domain-record.ts"
import type { RuleSetRecord } from "@qiao/core/rule-set-record.ts"
import type { PreparedLink } from "./prepare.ts"

/*
 * What entries of the cache take of memory, in bytes: between 0.8 and 2 times what V8's heap grew by with each kind of condition and
 * action, few and many, short and long. `text` is what a record was read from; it is kept, and ids and urls are slices of it.
 */

/** A key, its place in the cache, the entry and the link. */
const ENTRY = 800
const TOMBSTONE = 300
/** A set of platforms, and each in it. */
const PLATFORMS = 300
const PLATFORM = 40
/** A rule with its action, each of its conditions, and what these compare with. */
const RULE = 220
const CONDITION = 500
const VALUE = 60
/** Bytes of a network are kept as numbers; languages become one pattern. */
const NETWORK = 230
const LANGUAGE = 15

export function sizeOfLink(text: string, link: PreparedLink | null): number {
  if (link === null) return TOMBSTONE + sizeOfText(text)
  const { id, url, guidePlatforms, allowPlatforms, rules } = link.record
  // What is not in the slices was parsed from JSON, and so copied.
  const copied = text.length - id.length - url.length
  return (
    ENTRY +
    sizeOfText(text) +
    copied +
    sizeOfSet(guidePlatforms) +
    sizeOfSet(allowPlatforms) +
    sizeOfRules(rules)
  )
}

export function sizeOfRuleSet(text: string, ruleSet: RuleSetRecord | null): number {
  if (ruleSet === null) return TOMBSTONE + sizeOfText(text)
  return ENTRY + sizeOfText(text) + text.length + sizeOfRules(ruleSet.rules)
}

/** Measured: 0.7 KB for a plain one, 1.8 bytes a character of files; the pages of a brand (branded-pages.ts) take 77 to 160 KB. */
export function sizeOfDomain(text: string, domain: DomainRecord | null): number {
  return 1_000 + 3 * text.length + (domain === null || domain.brand === null ? 0 : 150_000)
}

/** V8 takes two bytes for each character as soon as one is not Latin-1; taken here as soon as one is not ASCII. */
function sizeOfText(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : 2 * text.length
}

function sizeOfSet(platforms: ReadonlySet<string> | null): number {
  return platforms === null || platforms.size === 0 ? 0 : PLATFORMS + PLATFORM * platforms.size
}

function sizeOfRules(rules: readonly CompiledRule[]): number {
  let size = 0
  for (const { checks } of rules) {
    size += RULE
    for (const { condition, wanted } of checks) {
      const value = condition === "ip" ? NETWORK : condition === "language" ? LANGUAGE : VALUE
      size += CONDITION + (Array.isArray(wanted) ? value * (wanted.length - 1) : 0)
    }
  }
  return size
}
