import type { IncomingMessage } from "node:http"
import proxyAddr from "@fastify/proxy-addr"
import { memoise } from "./memoise.ts"

/** A request, and which of the addresses that it came through are to be believed. */
export type Incoming = { raw: IncomingMessage; isTrusted: ((address: string) => boolean) | null }

/** Who stands before an edge is few, and asked for with each request: looked up once. */
export function createIncoming(trustedProxies: string[]): (raw: IncomingMessage) => Incoming {
  if (trustedProxies.length === 0) return (raw) => ({ raw, isTrusted: null })
  const trusts = proxyAddr.compile(trustedProxies)
  const isTrusted = memoise((address) => trusts(address, 0))
  return (raw) => ({ raw, isTrusted })
}
