import { BlockList, isIP } from "node:net"
import { type LocalTime, localTimeOf, minuteOf } from "./local-time.ts"
import type { Platform } from "./platform.ts"
import type { ConditionName, Conditions, When } from "./rule.ts"
import type { Browser, Device, Os } from "./visitor.ts"

/** One request for a link. `language` is a tag, `referrer` a host, `query` raw; "" where there is none. */
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
}

/** One condition, ready to compare. `holds` is asked at every visit, `actual` only to explain. */
export type Check = {
  condition: ConditionName
  isNegated: boolean
  wanted: unknown
  holds: (visit: Visit) => boolean
  actual: (visit: Visit) => unknown
}

/** The checks of a rule, in the order of its schema, the negated ones last. */
export function compileWhen(when: When): Check[] {
  const { not = {}, timeZone = "UTC", ...conditions } = when
  return [...compile(conditions, timeZone, false), ...compile(not, timeZone, true)]
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
    const tags = new Set<string>(wanted)
    return {
      test: ({ language }) => tags.has(language) || tags.has(language.split("-", 1)[0] ?? ""),
      actual: (visit) => visit.language,
    }
  },
  ip(wanted) {
    const networks = blockListOf(wanted)
    return {
      test: ({ ip }) => isIP(ip) !== 0 && networks.check(ip, isIP(ip) === 6 ? "ipv6" : "ipv4"),
      actual: (visit) => visit.ip,
    }
  },
  query(wanted) {
    return {
      test({ query }) {
        if (query === "") return false
        const parameters = new URLSearchParams(query)
        return wanted.some(({ name, value }) => parameters.has(name, value))
      },
      actual: (visit) => visit.query,
    }
  },
  referrer(wanted) {
    const isOf = (host: string, parent: string) => host === parent || host.endsWith(`.${parent}`)
    return {
      test: ({ referrer }) => referrer !== "" && wanted.some((parent) => isOf(referrer, parent)),
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
        return windows.some(({ from, to }) =>
          from <= to ? from <= minute && minute < to : from <= minute || minute < to,
        )
      },
      actual: (visit): LocalTime => localTimeOf(visit.nowMs, timeZone),
    }
  },
}

function among<T extends string>(wanted: readonly T[], read: (visit: Visit) => string): Compiled {
  const values = new Set<string>(wanted)
  return { test: (visit) => values.has(read(visit)), actual: read }
}

function isoTime(visit: Visit): string {
  return new Date(visit.nowMs).toISOString()
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = "", prefix] = network.split("/")
    const family = isIP(address) === 6 ? "ipv6" : "ipv4"
    list.addSubnet(address, prefix === undefined ? (family === "ipv6" ? 128 : 32) : Number(prefix), family)
  }
  return list
}
