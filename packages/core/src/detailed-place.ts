import { isIP } from "node:net"
import ipaddr from "ipaddr.js"
import { LRUCache } from "lru-cache"
import type { Reader } from "mmdb-lib"
import { type IspOf, openIsps } from "./isp.ts"
import { type GeoRecord, geoFiles, lookUp, NOWHERE, openReaders, type Place, placeOfRecord } from "./place.ts"

/**
 * A place with its city, by its English name, and whose network the address is in; "" where it is not known. Most
 * addresses of one place share one object.
 */
export type DetailedPlace = Place & Readonly<{ city: string; isp: string }>
export type DetailedPlaceOf = (ip: string) => DetailedPlace

/** `isOfNetwork`: it is that of every address of the same 24 bits, in IPv6 of the same 48. */
type Found = { place: DetailedPlace; isOfNetwork: boolean }

const UNKNOWN: DetailedPlace = Object.freeze({ ...NOWHERE, city: "", isp: "" })

const MEMO_MAX = 100_000
const PLACES_MAX = 20_000
/** Of decoded records and their strings, a database. */
const RECORDS_MAX = 100_000

/**
 * Where addresses are, for those who look up every visit: of several databases, the first that knows the place and the first that knows
 * the provider, which MaxMind's ISP and ASN formats do; without any, those that come with Qiao. They are read at once, about 1 s and 170 MB
 * for ours; then 6 µs an address, and 0.5 µs for those of a network that is remembered. Throws a ConfigError for a missing file.
 */
export function openDetailedPlaces(given: readonly string[] = []): DetailedPlaceOf {
  const files = geoFiles(given)
  const readers = openReaders(files, () => new LRUCache<string | number, object>({ max: RECORDS_MAX }))
  const ispOf = given.length === 0 ? openIsps() : () => ""
  const memo = new LRUCache<string, DetailedPlace>({ max: MEMO_MAX })
  const places = new LRUCache<string, DetailedPlace>({ max: PLACES_MAX })
  return (ip) => {
    const version = isIP(ip)
    if (version === 0) return UNKNOWN
    const network = networkOf(ip)
    const known = memo.get(network) ?? memo.get(ip)
    if (known !== undefined) return known
    const plain = version === 4 ? ip : ipaddr.process(ip).toString()
    const { place: found, isOfNetwork } = findPlace(readers, ispOf, plain)
    const name = Object.values(found).join("\n")
    const place = places.get(name) ?? found
    places.set(name, place)
    memo.set(isOfNetwork ? network : ip, place)
    return place
  }
}

/** The address itself where it does not begin with its network in plain sight. */
function networkOf(ip: string): string {
  return /^(?:(?:\d{1,3}\.){3}|(?:[\da-f]{1,4}:){3})/i.exec(ip)?.[0] ?? ip
}

function findPlace(readers: Reader<GeoRecord>[], ispOf: IspOf, ip: string): Found {
  let place = NOWHERE
  let city = ""
  let isp = ispOf(ip)
  let bits = 0
  for (const reader of readers) {
    const [record, ofBits] = lookUp(reader, ip)
    bits = Math.max(bits, ofBits)
    if (record === null) continue
    if (place.country === "") {
      place = placeOfRecord(record)
      city = cityOfRecord(record)
    }
    if (isp === "") isp = ispOfRecord(record)
    if (place.country !== "" && isp !== "") break
  }
  return { place: Object.freeze({ ...place, city, isp }), isOfNetwork: bits <= (ip.includes(":") ? 48 : 24) }
}

function cityOfRecord({ city }: GeoRecord): string {
  return (typeof city === "string" ? city : city?.names?.en) ?? ""
}

function ispOfRecord({ isp, autonomous_system_organization, traits }: GeoRecord): string {
  return isp ?? traits?.isp ?? autonomous_system_organization ?? traits?.autonomous_system_organization ?? ""
}
