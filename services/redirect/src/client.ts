import { isIP } from "node:net"
import { normalizeIP } from "@fastify/rate-limit"
import { languageOf } from "@qiao/core/language.ts"
import type { FastifyRequest } from "fastify"
import { memoise } from "./memoise.ts"

/** The client's address: what a trusted proxy said, if it is one, else the peer's. IPv4 as IPv4. */
export function clientAddress(req: FastifyRequest): string {
  const said = req.ip
  const address = isIP(said) === 0 ? (req.raw.socket.remoteAddress ?? "") : said
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address
}

/** The network by which clients are limited: a household or an office, not one of its many addresses. */
export function clientNetwork(req: FastifyRequest): string {
  const address = clientAddress(req)
  if (isIP(address) === 4) return `${address.slice(0, address.lastIndexOf("."))}.0/24`
  return `${normalizeIP(address, 64)}/64`
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
