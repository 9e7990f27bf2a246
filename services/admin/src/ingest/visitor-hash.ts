import { hash } from "node:crypto"

const bits = new DataView(new ArrayBuffer(8))

/** 64 bits of SHA-256, as Postgres' bigint has them. */
export function hash64(text: string): bigint {
  // A character a byte: neither a buffer nor digits to read, which take as long as the hash.
  const bytes = hash("sha256", text, "binary")
  for (let at = 0; at < 8; at++) bits.setUint8(at, bytes.charCodeAt(at))
  return bits.getBigInt64(0)
}

/**
 * Who came, within a workspace and one of its days: `salt` is another one for each, and forgotten when that day's visits can come no
 * more, so that nobody can be followed from day to day, nor found by trying addresses.
 */
export function visitorHash(salt: string, ip: string, visitorId: string): bigint {
  return hash64(`${salt} ${ip} ${visitorId}`)
}
