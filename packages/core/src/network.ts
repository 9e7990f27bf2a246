import { isIP, isIPv6 } from "node:net"
import ipaddr from "ipaddr.js"

/** `a.b.c.d/n`, `x::/n` or a bare address, which stands for itself alone; without a zone. */
export function isNetwork(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/")
  if (isIP(address) === 0 || address.includes("%") || rest.length > 0) return false
  if (prefix === undefined) return true
  if (!/^\d{1,3}$/.test(prefix)) return false
  return Number(prefix) <= (isIPv6(address) ? 128 : 32)
}

/** The first `bits` of an address of 4 or 16 bytes. */
export type Network = { bytes: readonly number[]; bits: number }

/** Of a text that `isNetwork`. */
export function parseNetwork(text: string): Network {
  const [address = "", prefix] = text.split("/")
  // A link may have 5,000 of them: the library takes 4 µs each.
  const bytes = isIPv6(address) ? ipaddr.parse(address).toByteArray() : address.split(".").map(Number)
  return { bytes, bits: prefix === undefined ? bytes.length * 8 : Number(prefix) }
}

/** An address as records of visits have it: IPv4 that came in IPv6's dotted form (`::ffff:192.0.2.7`) as IPv4. */
export function plainAddress(ip: string): string {
  return ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice(7) : ip
}

/** Null for what is no address; an IPv4 address in IPv6 is one of IPv4. */
export function bytesOfAddress(ip: string): readonly number[] | null {
  return isIP(ip) === 0 ? null : ipaddr.process(ip).toByteArray()
}

export function isWithin(address: readonly number[], { bytes, bits }: Network): boolean {
  if (address.length !== bytes.length) return false
  for (let i = 0, left = bits; left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 0xff : 0xff << (8 - left)
    if ((((address[i] ?? 0) ^ (bytes[i] ?? 0)) & mask & 0xff) !== 0) return false
  }
  return true
}
