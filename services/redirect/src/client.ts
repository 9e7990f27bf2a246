import { isIP } from "node:net"
import proxyAddr from "@fastify/proxy-addr"
import { normalizeIP } from "@fastify/rate-limit"
import { languageOf } from "@qiao/core/language.ts"
import { plainAddress } from "@qiao/core/network.ts"
import type { Incoming } from "./incoming.ts"
import { memoise } from "./memoise.ts"

/** The client's address: what a trusted proxy said, if it is one, else the peer's. IPv4 as IPv4. */
export function clientAddress({ raw, isTrusted }: Incoming): string {
  // Of a client that is gone meanwhile nothing is known.
  const peer = raw.socket.remoteAddress ?? ""
  const isDirect = isTrusted === null || peer === "" || raw.headers["x-forwarded-for"] === undefined
  if (isDirect) return plainAddress(peer)
  const said = proxyAddr(raw, isTrusted)
  return plainAddress(isIP(said) === 0 ? peer : said)
}

/** By which people are limited: an IPv4 address, since its /24 may be a carrier's and shared by a city; of IPv6 a household's /64. */
export function clientKey(req: Incoming): string {
  const address = clientAddress(req)
  return isIP(address) === 4 ? address : `${normalizeIP(address, 64)}/64`
}

/** By which those are limited who may have many addresses, as scanners do: of IPv4 the /24, of IPv6 the /64. */
export function clientNetwork(req: Incoming): string {
  const key = clientKey(req)
  return isIP(key) === 4 ? `${key.slice(0, key.lastIndexOf("."))}.0/24` : key
}

/** http or https as the visitor typed it, so far as a trusted proxy said. */
export function schemeOf({ raw, isTrusted }: Incoming): "http" | "https" {
  const said = raw.headers["x-forwarded-proto"]
  if (said === undefined || isTrusted === null || !isTrusted(raw.socket.remoteAddress ?? "")) return "http"
  // The last one, where several proxies said something.
  return String(said).split(",").at(-1)?.trim() === "https" ? "https" : "http"
}

const languages = memoise(languageOf)

/** The tag of the language that the client wants most, "" where it has none. */
export function clientLanguage(req: Incoming): string {
  return languages(req.raw.headers["accept-language"] ?? "")
}

/** A form is posted, which is the only reason to post. */
export function isPost(req: Incoming): boolean {
  return req.raw.method === "POST"
}

/** What every path takes. */
export function isRead(req: Incoming): boolean {
  return req.raw.method === "GET" || req.raw.method === "HEAD"
}
