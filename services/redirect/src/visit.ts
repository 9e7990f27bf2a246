import { isIP } from "node:net"
import { normalizeIP } from "@fastify/rate-limit"
import type { FastifyRequest } from "fastify"
import { LRUCache } from "lru-cache"

const MEMO_MAX = 10_000
/** Longer header values are rare or hostile: not kept. */
const MEMO_LENGTH_MAX = 512

/** Remembers the answers of a pure function of a header's value. */
export function memoise<T extends NonNullable<unknown>>(
  answerTo: (value: string) => T,
): (value: string) => T {
  const memo = new LRUCache<string, T>({ max: MEMO_MAX, memoMethod: answerTo })
  return (value) => (value.length > MEMO_LENGTH_MAX ? answerTo(value) : memo.memo(value))
}

/** The client's address: what a trusted proxy said, if it is one, else the peer's. IPv4 as IPv4. */
export function clientAddress(req: FastifyRequest): string {
  const said = req.ip
  const address = isIP(said) === 0 ? (req.raw.socket.remoteAddress ?? "") : said
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address
}

/** http or https as the visitor typed it, so far as we can know behind a proxy. */
export function schemeOf(req: FastifyRequest): "http" | "https" {
  return req.protocol === "https" ? "https" : "http"
}

/** The network by which clients are limited: a household or an office, not one of its many addresses. */
export function networkOf(address: string): string {
  return isIP(address) === 4 ? address.slice(0, address.lastIndexOf(".")) : normalizeIP(address, 64)
}
