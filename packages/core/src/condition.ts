import { type LocalTime, localTimeOf, minuteOf } from "./local-time.ts"
import { bytesOfAddress, isWithin, parseNetwork } from "./network.ts"
import type { PlaceOf } from "./place.ts"
import type { Platform } from "./platform.ts"
import type { ConditionName, Conditions, When } from "./rule.ts"
import type { Browser, Device, Os } from "./visitor.ts"

/**
 * One request for a link. `language` is a tag, `referrer` a host, `query` raw; "" where there is none. `placeOf` is asked only where a
 * rule asks. `isUnlocked`: the link's password was given.
 */
export type Visit = {
  nowMs: number
  platform: Platform
  os: Os
  device: Device
  browser: Browser
  language: string
  referrer: string
  query: string
  ip: string
  placeOf: PlaceOf
  isUnlocked: boolean
}

/**
 * One condition, ready to compare. `holds` is asked at every visit and allocates nothing for one like the last (hence loops, not
 * closures, below); `actual` is asked only to explain.
 */
export type Check = {
  condition: ConditionName
  isNegated: boolean
  wanted: unknown
  holds: (visit: Visit) => boolean
  actual: (visit: Visit) => unknown
}

/** The checks of a rule, in the order of its schema, the negated ones last. */
export function compileWhen(when: When): Check[] {
  const { not = {}, timeZone = "utc", ...conditions } = when
  // In one case, as each name that is asked for keeps a clock.
  const zone = timeZone.toLowerCase()
  return [...compile(conditions, zone, false), ...compile(not, zone, true)]
}

function compile(conditions: Conditions, timeZone: string, isNegated: boolean): Check[] {
  return Object.entries(conditions).flatMap(([name, wanted]) => {
    if (wanted === undefined) return []
    const condition = name as ConditionName
    const { test, actual } = COMPILERS[condition](wanted as never, timeZone)
    const holds = isNegated ? (visit: Visit) => !test(visit) : test
    return [{ condition, isNegated, wanted, holds, actual }]
  })
}

type Compiled = { test: (visit: Visit) => boolean; actual: (visit: Visit) => unknown }
type Compilers = {
  [Name in ConditionName]-?: (wanted: NonNullable<Conditions[Name]>, timeZone: string) => Compiled
}

const COMPILERS: Compilers = {
  platform: (wanted) => among(wanted, (visit) => visit.platform),
  os: (wanted) => among(wanted, (visit) => visit.os),
  device: (wanted) => among(wanted, (visit) => visit.device),
  browser: (wanted) => among(wanted, (visit) => visit.browser),
  language(wanted) {
    const tags = new RegExp(`^(?:${wanted.join("|")})(?:-|$)`)
    return {
      test: ({ language }) => tags.test(language),
      actual: (visit) => visit.language,
    }
  },
  country: (wanted) => among(wanted, (visit) => visit.placeOf(visit.ip).country),
  region: (wanted) => among(wanted, (visit) => visit.placeOf(visit.ip).region),
  ip(wanted) {
    const networks = wanted.map(parseNetwork)
    return {
      test({ ip }) {
        const address = addressOf(ip)
        if (address !== null) for (const network of networks) if (isWithin(address, network)) return true
        return false
      },
      actual: (visit) => visit.ip,
    }
  },
  query(wanted) {
    return {
      test({ query }) {
        if (query === "") return false
        const parameters = parametersOf(query)
        for (const { name, value } of wanted) {
          const values = parameters.get(name)
          if (values !== undefined && (value === undefined || values.includes(value))) return true
        }
        return false
      },
      actual: (visit) => visit.query,
    }
  },
  referrer(wanted) {
    const hosts = new Set<string>(wanted)
    const parents = wanted.map((host) => `.${host}`)
    return {
      test({ referrer }) {
        if (hosts.has(referrer)) return true
        for (const parent of parents) if (referrer.endsWith(parent)) return true
        return false
      },
      actual: (visit) => visit.referrer,
    }
  },
  after(wanted) {
    const ms = Date.parse(wanted)
    return { test: (visit) => visit.nowMs >= ms, actual: isoTime }
  },
  before(wanted) {
    const ms = Date.parse(wanted)
    return { test: (visit) => visit.nowMs < ms, actual: isoTime }
  },
  weekday(wanted, timeZone) {
    const days = new Set<string>(wanted)
    return {
      test: (visit) => days.has(localTimeOf(visit.nowMs, timeZone).weekday),
      actual: (visit) => localTimeOf(visit.nowMs, timeZone),
    }
  },
  hours(wanted, timeZone) {
    const windows = wanted.map(({ from, to }) => ({ from: minuteOf(from), to: minuteOf(to) }))
    return {
      test(visit) {
        const { minute } = localTimeOf(visit.nowMs, timeZone)
        for (const { from, to } of windows) {
          const isIn = from <= to ? from <= minute && minute < to : from <= minute || minute < to
          if (isIn) return true
        }
        return false
      },
      actual: (visit): LocalTime => localTimeOf(visit.nowMs, timeZone),
    }
  },
}

function among<T extends string>(wanted: readonly T[], read: (visit: Visit) => string): Compiled {
  const values = new Set<string>(wanted)
  return { test: (visit) => values.has(read(visit)), actual: read }
}

const addressOf = rememberLast(bytesOfAddress)

const parametersOf = rememberLast((query) => {
  const parameters = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(query)) {
    parameters.set(name, [...(parameters.get(name) ?? []), value])
  }
  return parameters
})

/** Read once a visit, however many rules ask. */
function rememberLast<T>(read: (text: string) => T): (text: string) => T {
  let last = ""
  let known = read(last)
  return (text) => {
    if (text !== last) {
      last = text
      known = read(text)
    }
    return known
  }
}

function isoTime(visit: Visit): string {
  return new Date(visit.nowMs).toISOString()
}
