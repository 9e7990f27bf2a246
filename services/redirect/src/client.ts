import { isIP } from "node:net"
import { normalizeIP } from "@fastify/rate-limit"
import { languageOf } from "@qiao/core/language.ts"
import { plainAddress } from "@qiao/core/network.ts"
import type { FastifyRequest } from "fastify"
import { memoise } from "./memoise.ts"

/** The client's address: what a trusted proxy said, if it is one, else the peer's. IPv4 as IPv4. */
export function clientAddress(req: FastifyRequest): string {
  const said = req.ip
  return plainAddress(isIP(said) === 0 ? (req.raw.socket.remoteAddress ?? "") : said)
}

/** By which people are limited: an IPv4 address, since its /24 may be a carrier's and shared by a city; of IPv6 a household's /64. */
export function clientKey(req: FastifyRequest): string {
  const address = clientAddress(req)
  return isIP(address) === 4 ? address : `${normalizeIP(address, 64)}/64`
}

/** By which those are limited who may have many addresses, as scanners do: of IPv4 the /24, of IPv6 the /64. */
export function clientNetwork(req: FastifyRequest): string {
  const key = clientKey(req)
  return isIP(key) === 4 ? `${key.slice(0, key.lastIndexOf("."))}.0/24` : key
}

/** http or https as the visitor typed it, so far as we can know behind a proxy. */
export function schemeOf(req: FastifyRequest): "http" | "https" {
  return req.protocol === "https" ? "https" : "http"
}

const languages = memoise(languageOf)

/** The tag of the language that the client wants most, "" where it has none. */
export function clientLanguage(req: FastifyRequest): string {
  return languages(req.raw.headers["accept-language"] ?? "")
}

/** A form is posted, which is the only reason to post. */
export function isPost(req: FastifyRequest): boolean {
  return req.raw.method === "POST"
}

/** What every path takes. */
export function isRead(req: FastifyRequest): boolean {
  return req.raw.method === "GET" || req.raw.method === "HEAD"
}
