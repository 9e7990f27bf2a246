import { isIP, isIPv6 } from "node:net"

/** `a.b.c.d/n`, `x::/n` or a bare address, which stands for itself alone. */
export function isNetwork(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/")
  if (isIP(address) === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  if (!/^\d{1,3}$/.test(prefix)) return false
  return Number(prefix) <= (isIPv6(address) ? 128 : 32)
}
