import { type CompiledRule, compileRule } from "./decide.ts"
import type { CapWhenUnavailable } from "./link.ts"
import type { Platform } from "./platform.ts"
import type { Rule } from "./rule.ts"
import { decodeVersioned, encodeVersioned, type RecordVersion, type Versioned } from "./versioned.ts"

export type RedirectStatus = 301 | 302 | 307 | 308

/** `hash` as `hashPassword` makes it; `version` rises with every change, so that older cookies end. */
export type LinkPassword = { hash: string; version: number }

/** What the edge needs of a link. Times are epoch milliseconds. */
export type LinkRecord = {
  id: string
  url: string
  redirectStatus: RedirectStatus
  enabled: boolean
  banned: boolean
  startsAt: number | null
  expiresAt: number | null
  expiredUrl: string | null
  maxClicks: number | null
  capWhenUnavailable: CapWhenUnavailable
  password: LinkPassword | null
  forwardQuery: boolean
  forwardPath: boolean
  guidePlatforms: ReadonlySet<Platform>
  allowPlatforms: ReadonlySet<Platform> | null
  rules: readonly CompiledRule[]
  /** The shared rules that are tried after its own. */
  ruleSetId: string | null
}

/** What a link has that is not its default, and so nothing of most. */
type SettingsWire = {
  s?: RedirectStatus
  off?: 1
  ban?: 1
  from?: number
  to?: number
  xu?: string
  max?: number
  open?: 1
  pw?: [hash: string, version: number]
  nq?: 1
  fp?: 1
  g?: Platform[]
  a?: Platform[]
  ru?: Rule[]
  rs?: string
}

/** Rules are encoded as they are given, so they need not be compiled: that costs twenty times as much. */
export type EncodableLink = Omit<LinkRecord, "rules"> & { rules: readonly Pick<CompiledRule, "rule">[] }

export function encodeLink(version: RecordVersion, link: EncodableLink | null): string {
  return encodeVersioned(version, link && toBody(link))
}

/** Throws on a value that no version of this code wrote. */
export function decodeLink(value: string): Versioned<LinkRecord> {
  return decodeVersioned(value, fromBody)
}

/** `<id> <url>` and, unless it is a plain one, ` <settings as JSON>`: neither an id nor an href has a space. */
function toBody(link: EncodableLink): string {
  const plain = `${link.id} ${link.url}`
  const settings = JSON.stringify(settingsOf(link))
  return settings === "{}" ? plain : `${plain} ${settings}`
}

function fromBody(body: string): LinkRecord {
  const idEnd = body.indexOf(" http")
  if (idEnd < 1) throw new Error(`not a link: ${body.slice(0, 40)}`)
  const urlEnd = body.indexOf(" ", idEnd + 1)
  const wire = urlEnd === -1 ? NO_SETTINGS : (JSON.parse(body.slice(urlEnd)) as SettingsWire)
  return {
    id: body.slice(0, idEnd),
    url: body.slice(idEnd + 1, urlEnd === -1 ? body.length : urlEnd),
    redirectStatus: wire.s ?? 302,
    enabled: wire.off === undefined,
    banned: wire.ban === 1,
    startsAt: wire.from ?? null,
    expiresAt: wire.to ?? null,
    expiredUrl: wire.xu ?? null,
    maxClicks: wire.max ?? null,
    capWhenUnavailable: wire.open === 1 ? "open" : "closed",
    password: wire.pw === undefined ? null : { hash: wire.pw[0], version: wire.pw[1] },
    forwardQuery: wire.nq === undefined,
    forwardPath: wire.fp === 1,
    guidePlatforms: wire.g === undefined ? NO_PLATFORMS : new Set(wire.g),
    allowPlatforms: wire.a === undefined ? null : new Set(wire.a),
    rules: wire.ru === undefined ? NO_RULES : wire.ru.map(compileRule),
    ruleSetId: wire.rs ?? null,
  }
}

const NO_SETTINGS: SettingsWire = {}
const NO_PLATFORMS: ReadonlySet<Platform> = new Set()
const NO_RULES: readonly CompiledRule[] = []

function settingsOf(link: EncodableLink): SettingsWire {
  return {
    ...(link.redirectStatus !== 302 && { s: link.redirectStatus }),
    ...(!link.enabled && { off: 1 as const }),
    ...(link.banned && { ban: 1 as const }),
    ...(link.startsAt !== null && { from: link.startsAt }),
    ...(link.expiresAt !== null && { to: link.expiresAt }),
    ...(link.expiredUrl !== null && { xu: link.expiredUrl }),
    ...(link.maxClicks !== null && { max: link.maxClicks }),
    ...(link.capWhenUnavailable === "open" && { open: 1 as const }),
    ...(link.password !== null && { pw: [link.password.hash, link.password.version] as [string, number] }),
    ...(!link.forwardQuery && { nq: 1 as const }),
    ...(link.forwardPath && { fp: 1 as const }),
    ...(link.guidePlatforms.size > 0 && { g: [...link.guidePlatforms] }),
    ...(link.allowPlatforms !== null && { a: [...link.allowPlatforms] }),
    ...(link.rules.length > 0 && { ru: link.rules.map(({ rule }) => rule) }),
    ...(link.ruleSetId !== null && { rs: link.ruleSetId }),
  }
}
