import { hash } from "node:crypto"

/** 64 bits of SHA-256, as Postgres' bigint has them. */
export function hash64(text: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${hash("sha256", text, "hex").slice(0, 16)}`))
}

/**
 * Who came, within a workspace and one of its days: `salt` is another one for each, and forgotten when that day's visits can come no
 * more, so that nobody can be followed from day to day, nor found by trying addresses.
 */
export function visitorHash(salt: string, ip: string, visitorId: string): bigint {
  return hash64(`${salt} ${ip} ${visitorId}`)
}
