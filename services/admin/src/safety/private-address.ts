import { BlockList, isIPv4, isIPv6 } from "node:net"

/*
 * Addresses no public web page has, by the IANA IPv4 and IPv6 special-purpose address registries, and names that resolve only inside a
 * network. Works on the host of a WHATWG URL, in which every spelling of an address (0x7f.1, 2130706433) has become the same one.
 */

const REFUSED_IPV4: [address: string, prefix: number][] = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8],
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8],
  ["169.254.0.0", 16], // link-local; cloud metadata
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16],
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
]

/** All other IPv6 addresses are loopback, local, multicast or not given out yet. */
const ROUTED_IPV6: [address: string, prefix: number][] = [
  ["2000::", 3],
  ["64:ff9b::", 96], // NAT64: an IPv4 address inside
  ["::ffff:0:0", 96], // IPv4-mapped
]

const REFUSED_IPV6: [address: string, prefix: number][] = [
  ["2001::", 23], // Teredo, benchmarks, ORCHID
  ["2001:db8::", 32], // documentation
  ["3fff::", 20], // documentation
]

/** RFC 6761, 6762 (with its appendix G), 8375 and what ICANN has set aside for private use. */
const LOCAL_NAME = /(^|\.)(localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa)$/

const refused = refusedAddresses()
const routedIpv6 = new BlockList()
for (const [address, prefix] of ROUTED_IPV6) routedIpv6.addSubnet(address, prefix, "ipv6")

/** Whether a host (of a URL, without a trailing dot) is a private or otherwise unreachable address or name. Resolves nothing. */
export function isPrivate(host: string): boolean {
  if (isIPv4(host)) return refused.check(host, "ipv4")
  if (!host.startsWith("[")) return !host.includes(".") || LOCAL_NAME.test(host)
  const address = host.slice(1, -1)
  return !isIPv6(address) || !routedIpv6.check(address, "ipv6") || refused.check(address, "ipv6")
}

/** A BlockList looks at IPv4-mapped addresses as IPv4; the other ways to put an IPv4 address into an IPv6 one are added here. */
function refusedAddresses(): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of REFUSED_IPV6) list.addSubnet(address, prefix, "ipv6")
  for (const [address, prefix] of REFUSED_IPV4) {
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number)
    const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    list.addSubnet(address, prefix, "ipv4")
    list.addSubnet(`64:ff9b::${hex}`, 96 + prefix, "ipv6")
    list.addSubnet(`2002:${hex}::`, 16 + prefix, "ipv6") // 6to4
  }
  return list
}
