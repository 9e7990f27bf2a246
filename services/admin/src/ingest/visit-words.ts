import type { Outcome } from "@qiao/core/decide.ts"
import type { DetailedPlace } from "@qiao/core/detailed-place.ts"
import type { Visitor } from "@qiao/core/visitor.ts"
import { copyText } from "../repositories/clicks/copy-text.ts"
import { LINE_BREAK, SEPARATOR } from "../rollups.ts"

/** What many visits have in common, put together once for all of them: as a value of its family of rollups.ts, and as columns for COPY. */
export type Words = { value: string; columns: string }

export type VisitWords = {
  clientOf(visitor: Visitor): Words
  placeOf(place: DetailedPlace): Words
  languageOf(language: string): Words
  referrerOf(referrer: string): Words
  decisionOf(outcome: Outcome, rule: string, variant: string): Words
}

/** Remembers all that it is asked for. */
export function createVisitWords(): VisitWords {
  const clients = createMemo(joined)
  const places = new Map<DetailedPlace, Words>()
  const languages = createMemo(joined)
  const referrers = createMemo(joined)
  const decisions = createMemo(joined)
  return {
    clientOf: ({ platform, os, device, browser }) => clients(platform, os, device, browser),
    placeOf(place) {
      const known = places.get(place)
      if (known !== undefined) return known
      const words = placeWords(place)
      places.set(place, words)
      return words
    },
    languageOf: languages,
    referrerOf: referrers,
    decisionOf: decisions,
  }
}

/** By one word after the other, as these may hold whatever would separate them. */
type Branch = { words: Words | undefined; next: Map<string, Branch> }

function createMemo(counted: (words: string[]) => string): (...words: string[]) => Words {
  const root: Branch = { words: undefined, next: new Map() }
  return (...words) => {
    let branch = root
    for (const word of words) {
      let next = branch.next.get(word)
      if (next === undefined) {
        next = { words: undefined, next: new Map() }
        branch.next.set(word, next)
      }
      branch = next
    }
    branch.words ??= { value: counted(words), columns: words.map(copyText).join("\t") }
    return branch.words
  }
}

/** A city and a network are not counted. */
const placeWords = ({ country, region, city, isp }: DetailedPlace): Words => ({
  value: joined([country, region]),
  columns: [country, region, city, isp].map(copyText).join("\t"),
})

/** Whatever a batch says, no word has what parts words and values. */
const joined = (words: string[]): string => words.map(onOneLine).join(SEPARATOR)

const onOneLine = (word: string): string => word.replaceAll(SEPARATOR, " ").replaceAll(LINE_BREAK, " ")
