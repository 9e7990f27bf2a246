import { addCounts, type Counts, sumOf } from "../counts.ts"
import type { LinkFacts } from "../repositories/clicks/link-facts.ts"
import { type Family, isClick } from "../rollups.ts"
import { add, addAll, type Tally, type Values, valuesOf } from "./tally.ts"
import type { Quarter, VisitRow } from "./visit-rows.ts"

export type LinkCounts = Counts & { linkId: string; synthetic: number }

export type Counted = {
  /** In the order of their ids. */
  links: LinkCounts[]
  quarters: Tally
  days: Tally
}

/** One visit's worth of counts, by what it was. */
const MACHINE: Counts = { visits: 1, automated: 1, clicks: 0 }
const PERSON: Counts = { visits: 1, automated: 0, clicks: 0 }
const CLICK: Counts = { visits: 1, automated: 0, clicks: 1 }
const NONE: Counts = { visits: 0, automated: 0, clicks: 0 }

export type VisitCounter = { add(row: VisitRow): void; counted(): Counted }

/**
 * Counts visits by the scopes and families of rollups.ts: first by link and quarter, then those of links that count in the same wider
 * scopes together, and what comes of that by each scope. So most of the work does not grow with the number of scopes.
 */
export function createVisitCounter(): VisitCounter {
  const quarters: Tally = new Map()
  const counted: CountedQuarter[] = []
  return {
    add({ visit, quarter, words }) {
      let known = counted[quarter.index]
      if (known === undefined) {
        known = { quarter, families: familiesOf(quarters, quarter.linkId, quarter.start) }
        counted[quarter.index] = known
      }
      const { families } = known
      const counts = visit.automated ? MACHINE : isClick(visit) ? CLICK : PERSON
      if (visit.synthetic) {
        add(families.synthetic, visit.outcome, counts)
        return
      }
      add(families.total, "", counts)
      add(families.client, words.client.value, counts)
      add(families.place, words.place.value, counts)
      add(families.language, words.language.value, counts)
      add(families.referrer, words.referrer.value, counts)
      add(families.decision, words.decision.value, counts)
    },
    counted: () => addWiderScopes(quarters, counted),
  }
}

/** By its quarter's index; undefined where none of its visits counts. */
type CountedQuarter = { quarter: Quarter; families: Families } | undefined

function addWiderScopes(quarters: Tally, counted: CountedQuarter[]): Counted {
  const days: Tally = new Map()
  const links = new Map<string, LinkCounts>()
  const alike = new Map<string, { scopeIds: string[]; start: string; families: Families }>()
  for (const known of counted) {
    if (known === undefined) continue
    const { quarter, families } = known
    const { linkId, link, start, day } = quarter
    const total = families.total.get("") ?? NONE
    addToLink(links, linkId, total, sumOf(families.synthetic.values()).visits)
    if (link === undefined) continue
    const scopeIds = widerScopes(link)
    const key = `${scopeIds.join()} ${start}`
    const together = alike.get(key) ?? { scopeIds, start, families: noFamilies() }
    alike.set(key, together)
    addFamilies(together.families, families)
    if (total.visits === 0) continue
    for (const scopeId of scopeIds) add(valuesOf(days, scopeId, "link", day), linkId, total)
  }
  for (const { scopeIds, start, families } of alike.values())
    for (const scopeId of scopeIds) addFamilies(familiesOf(quarters, scopeId, start), families)
  return { links: [...links.values()].sort((a, b) => (a.linkId < b.linkId ? -1 : 1)), quarters, days }
}

/** Where a link's visits count besides the link itself. */
export function widerScopes({ tagIds, domainId, workspaceId }: LinkFacts): string[] {
  return [...tagIds, domainId, workspaceId]
}

type Families = Record<Family, Values>

const families = (valuesOf: (family: Family) => Values): Families => ({
  total: valuesOf("total"),
  client: valuesOf("client"),
  place: valuesOf("place"),
  language: valuesOf("language"),
  referrer: valuesOf("referrer"),
  decision: valuesOf("decision"),
  synthetic: valuesOf("synthetic"),
})

const noFamilies = (): Families => families(() => new Map())

const familiesOf = (tally: Tally, scopeId: string, start: string): Families =>
  families((family) => valuesOf(tally, scopeId, family, start))

function addFamilies(to: Families, from: Families): void {
  addAll(to.total, from.total)
  addAll(to.client, from.client)
  addAll(to.place, from.place)
  addAll(to.language, from.language)
  addAll(to.referrer, from.referrer)
  addAll(to.decision, from.decision)
  addAll(to.synthetic, from.synthetic)
}

function addToLink(links: Map<string, LinkCounts>, linkId: string, total: Counts, synthetic: number): void {
  const counts = links.get(linkId)
  if (counts === undefined) {
    links.set(linkId, { linkId, ...total, synthetic })
    return
  }
  addCounts(counts, total)
  counts.synthetic += synthetic
}
